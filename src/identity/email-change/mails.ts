import { nowDate } from '../../platform/clock.js';
import type { Limit, RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import type { AccountRow } from '../accounts/index.js';
import type { Links } from '../links.js';

/** So many mails an hour go to one new address, whoever asks for them. */
const MAIL_LIMIT: Limit = { points: 5, windowSeconds: 3600 };

/** Mails to the new address carry nothing that the asking person chose: it may be a stranger's. */
export function createEmailChangeMails({
  mailer,
  limiter,
  links,
}: {
  mailer: Pick<Mailer, 'send'>;
  limiter: Pick<RateLimiter, 'consume'>;
  links: Links;
}) {
  const tellOld = async (row: AccountRow, template: 'email-change-requested' | 'email-changed') => {
    // An address nobody confirmed may be somebody else's.
    if (row.emailVerifiedAt === null) return;
    const name = row.fullName ?? undefined;
    await mailer.send({ to: row.email, template, data: { name, accountUrl: links.account, forgotUrl: links.forgot, at: nowDate() } });
  };
  return {
    /** To the new address: the link, or to the owner of an address that is taken, that it is. One of the two, so that both cost the same. */
    async toNew(email: string, { token, expiresAt, taken }: { token: string; expiresAt: Date; taken: boolean }, ttlSeconds: number) {
      const { allowed } = await limiter.consume(`email_change_mail:${email}`, MAIL_LIMIT);
      if (!allowed) return;
      if (taken) {
        await mailer.send({ to: email, template: 'email-change-taken', data: { loginUrl: links.login, forgotUrl: links.forgot } });
      } else {
        const validHours = Math.max(1, Math.round(ttlSeconds / 3600));
        await mailer.send({ to: email, template: 'confirm-email-change', data: { url: links.confirmEmail(token), validHours, expiresAt } });
      }
    },
    requested: (row: AccountRow) => tellOld(row, 'email-change-requested'),
    changed: (row: AccountRow) => tellOld(row, 'email-changed'),
  };
}
