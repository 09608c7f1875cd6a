import { z } from 'zod';
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { Database } from '../../platform/db/index.js';
import { AppError } from '../../platform/errors.js';
import type { Limit, RateLimiter } from '../../platform/limits/index.js';
import type { Mailer } from '../../platform/mail/index.js';
import {
  type AccountRow,
  createAccountRepository,
  emailSchema,
  emailTaken,
  foldUsername,
  type ProfileInput,
  profileSchema,
  readInput,
  usernameTaken,
} from '../accounts/index.js';
import type { Links } from '../links.js';
import type { OneTimeTokens } from '../one-time-tokens/index.js';
import type { AdminGuard, RankJudge } from '../roles/index.js';
import { type Actor, requireRight } from './rights.js';

/** Absent members stay; of the names and the username null or '' removes. A new address is unconfirmed unless `verified` says otherwise. */
export type AccountUpdate = ProfileInput & { email?: string | undefined; verified?: boolean | undefined };

export type UpdateDeps = {
  db: Database;
  tokens: Pick<OneTimeTokens, 'lock' | 'consumeAll'>;
  mailer: Pick<Mailer, 'send'>;
  audit: Audit;
  links: Links;
  limiter: Pick<RateLimiter, 'consume'>;
  roles: Pick<AdminGuard, 'judged'>;
};

const updateSchema = profileSchema.extend({ email: emailSchema.optional(), verified: z.boolean().optional() });

/** Links that were sent to the old address, or that would take the account to another, in the order in which everybody locks them. */
const LINKS = ['email_change', 'email_verification', 'password_reset'] as const;

/** So many mails an hour go to one address, whoever gives it to whichever account. */
const MAIL_LIMIT: Limit = { points: 5, windowSeconds: 3600 };

const changedMeanwhile = () => new AppError('users.conflict', 409, 'The account has just been changed by somebody else. Look at it again.');

/** @returns what writes an update to an account whose row was just read; whoever calls has checked what does not depend on the update */
export function createUpdate({ db, tokens, mailer, audit, links, roles, limiter }: UpdateDeps) {
  const rows = createAccountRepository(db);

  /** Username and address may be taken by somebody else in this very moment. */
  const takenError = async (row: AccountRow, email: string) => {
    const holder = await rows.find({ email });
    return holder && holder.id !== row.id ? emailTaken() : usernameTaken();
  };

  const allowed = async (email: string) => (await limiter.consume(`email_set_mail:${email}`, MAIL_LIMIT)).allowed;

  async function tellBothAddresses(oldEmail: string, newEmail: string, at: Date): Promise<void> {
    // Neither carries a name or the other address: one of the two may be a stranger's.
    if (await allowed(oldEmail)) await mailer.send({ to: oldEmail, template: 'email-replaced', data: { forgotUrl: links.account, at } });
    if (!(await allowed(newEmail))) return;
    await mailer.send({ to: newEmail, template: 'email-set', data: { accountUrl: links.account, forgotUrl: links.forgot, at } });
  }

  return async (actor: Actor, row: AccountRow, input: AccountUpdate, judge: RankJudge | undefined): Promise<void> => {
    const { email = row.email, verified: asked, ...profile } = readInput(updateSchema, input);
    const isNewEmail = email !== row.email;
    const wasVerified = row.emailVerifiedAt !== null;
    const verified = asked ?? (wasVerified && !isNewEmail);
    if (isNewEmail || verified !== wasVerified) requireRight(actor, 'update_email', row.id);

    const at = nowDate();
    const members = Object.keys(profile).filter((name) => profile[name as keyof typeof profile] !== undefined);
    if (members.length === 0 && !isNewEmail && verified === wasVerified) return;
    const change = {
      ...profile,
      ...(profile.username === undefined ? {} : { usernameKey: profile.username && foldUsername(profile.username) }),
      ...(isNewEmail ? { email } : {}),
      ...(isNewEmail || verified !== wasVerified ? { emailVerifiedAt: verified ? at : null } : {}),
    };
    try {
      await roles.judged(row.id, judge, async (tx) => {
        // Links before the account, as those who follow one do.
        if (isNewEmail) for (const kind of LINKS) await tokens.lock(kind, { accountId: row.id }, { tx });
        if (isNewEmail) for (const kind of LINKS) await tokens.consumeAll(kind, { accountId: row.id }, { tx });
        if (!(await rows.change({ id: row.id, email: row.email }, change, at, tx))) throw changedMeanwhile();
      });
    } catch (error) {
      throw db.isUniqueViolation(error) ? await takenError(row, email) : error;
    }

    const by = { outcome: 'success', actorId: actor.accountId, subjectId: row.id, ip: actor.ip } as const;
    if (members.length > 0) await audit.record({ type: 'account.updated', ...by, detail: { members: members.join(' ') } });
    if (isNewEmail) await audit.record({ type: 'email.set', ...by, detail: { verified } });
    else if (verified !== wasVerified) await audit.record({ type: verified ? 'account.verified' : 'account.unverified', ...by });
    if (isNewEmail) await tellBothAddresses(row.email, email, at);
  };
}
