import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { hmacSha256, randomId, safeEqual, sha256 } from '../../platform/crypto/index.js';
import type { Transaction } from '../../platform/db/index.js';
import type { OneTimeTokens, TokenContent } from '../one-time-tokens/index.js';

/**
 * A registration that waits for its confirmation. It is no account yet: the password and the names travel sealed with the link of this
 * attempt and become the account's when that link is followed. Who registers a stranger's address first prepares nothing for them.
 */
export type Attempt = {
  email: string;
  /** SHA-256 of the token in the registering browser's cookie */
  browserHash: string | null;
  /** null: the account's own (it was made by an operator or the API) */
  passwordHash: string | null;
  username: string | null;
  firstName: string | null;
  lastName: string | null;
  fullName: string | null;
  continueTo: string | null;
  /** The address has an account: this one is kept so that both cases look alike, its link is never sent. */
  decoy: boolean;
};

const attemptSchema: z.ZodType<Attempt> = z.object({
  email: z.string(),
  browserHash: z.string().nullable(),
  passwordHash: z.string().nullable(),
  username: z.string().nullable(),
  firstName: z.string().nullable(),
  lastName: z.string().nullable(),
  fullName: z.string().nullable(),
  continueTo: z.string().nullable(),
  decoy: z.boolean(),
});

const KIND = 'email_verification';

export type Attempts = ReturnType<typeof createAttempts>;

export function createAttempts({ tokens, hmacPepper, ttlSeconds }: { tokens: OneTimeTokens; hmacPepper: KeyObject; ttlSeconds: number }) {
  const subjectKeyOf = (email: string) => hmacSha256(hmacPepper, `registration:${email}`);
  const read = (content: TokenContent) => attemptSchema.parse(content.payload);
  return {
    /** Keeps an attempt. `accountId` where it confirms an account that exists. */
    keep: (attempt: Attempt, accountId?: string) =>
      tokens.issue({
        kind: KIND,
        payload: attempt,
        ttlSeconds,
        ...(accountId ? { accountId } : { subjectKey: subjectKeyOf(attempt.email) }),
      }),

    /** The work of keeping an attempt, for nobody. */
    keepNothing: () => tokens.issue({ kind: KIND, payload: { nothing: randomId(128) }, ttlSeconds }),

    async inspect(token: string) {
      const { state, content } = await tokens.inspect(KIND, token);
      const attempt = content && (content.accountId !== null || content.subjectKey !== null) ? read(content) : undefined;
      return attempt && !attempt.decoy ? { state, attempt, accountId: content?.accountId ?? null } : { state: 'unknown' as const };
    },

    /** Uses a link. Whoever uses another link of the address, or of its account, waits until the transaction ends. */
    async consume(token: string, { email }: Attempt, accountId: string | null, tx: Transaction): Promise<void> {
      await tokens.lock(KIND, { subjectKey: subjectKeyOf(email) }, { tx });
      if (accountId !== null) await tokens.lock(KIND, { accountId }, { tx });
      await tokens.consume(KIND, token, { tx });
    },

    /** Ends every link of an address. */
    async consumeAll(email: string, accountId: string, tx: Transaction): Promise<void> {
      await tokens.consumeAll(KIND, { subjectKey: subjectKeyOf(email) }, { tx });
      await tokens.consumeAll(KIND, { accountId }, { tx });
    },

    /** The attempts of an address that wait, newest first. */
    async listWaiting(email: string): Promise<Attempt[]> {
      return (await tokens.listLive(KIND, { subjectKey: subjectKeyOf(email) })).map(read);
    },

    newBrowserToken: () => randomId(),
    hashBrowserToken: sha256,
    isFromBrowser: ({ browserHash }: Attempt, browserToken: string | undefined): boolean =>
      browserHash !== null && browserToken !== undefined && safeEqual(browserHash, sha256(browserToken)),
  };
}
