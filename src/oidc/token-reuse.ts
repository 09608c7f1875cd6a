import type { Account } from '../identity/index.js';
import type { Audit } from '../platform/audit/index.js';
import { nowDate } from '../platform/clock.js';
import type { RateLimiter } from '../platform/limits/index.js';
import type { Mailer } from '../platform/mail/index.js';
import type { Metrics } from '../platform/metrics/index.js';
import type { RefreshTokenReuse } from './adapter/index.js';

export type TokenReuseDeps = {
  audit: Audit;
  metrics: Pick<Metrics, 'tokenReuseDetected'>;
  log: Record<'warn' | 'error', (fields: object, message: string) => void>;
  /** where the request of this moment comes from */
  currentIp(): string | undefined;
  /** Present where owners are told by mail. */
  notify?:
    | {
        mailer: Pick<Mailer, 'send'>;
        limits: Pick<RateLimiter, 'consume'>;
        findAccount(accountId: string): Promise<Account | null>;
        findClient(clientId: string): Promise<{ name: string } | undefined>;
        links: { sessions: string; forgot: string };
      }
    | undefined;
};

/** One grant ends once, but several requests may find its token reused at the same moment. */
const ONE_MAIL_A_GRANT = { points: 1, windowSeconds: 24 * 3600 };

/** What is done about a refresh token that was used again too late, besides ending its grant: audited, logged, its owner told. */
export function createTokenReuseReport({ audit, metrics, log, currentIp, notify }: TokenReuseDeps): (reuse: RefreshTokenReuse) => void {
  async function tellOwner({ grantId, accountId, clientId }: RefreshTokenReuse): Promise<void> {
    if (!notify || accountId === undefined) return;
    const account = await notify.findAccount(accountId);
    if (!account?.emailVerifiedAt) return;
    if (!(await notify.limits.consume(`token_reuse_mail:${grantId}`, ONE_MAIL_A_GRANT)).allowed) return;
    const client = clientId === undefined ? undefined : await notify.findClient(clientId);
    await notify.mailer.send({
      to: account.email,
      template: 'token-reuse',
      data: {
        name: account.fullName ?? undefined,
        application: client?.name,
        sessionsUrl: notify.links.sessions,
        forgotUrl: notify.links.forgot,
        at: nowDate(),
      },
    });
  }

  return (reuse) => {
    const { grantId, accountId, clientId, secondsSinceUse } = reuse;
    log.warn({ grantId, accountId, clientId, secondsSinceUse }, 'a refresh token was used again: its grant was revoked');
    metrics.tokenReuseDetected();
    void audit.record({
      type: 'refresh_token.reused',
      outcome: 'failure',
      subjectId: accountId,
      clientId,
      ip: currentIp(),
      detail: { grant_id: grantId, seconds_since_use: secondsSinceUse },
    });
    tellOwner(reuse).catch((error: unknown) => log.error({ err: error, accountId }, 'the owner of a reused token could not be told'));
  };
}
