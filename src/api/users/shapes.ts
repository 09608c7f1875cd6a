import { z } from 'zod';
import type { AccountStatistics, Actor, AdministeredAccount } from '../../identity/index.js';
import { type Caller, problem, type RequestFacts } from '../endpoint/index.js';
import { toUser, userSchema } from '../user-shape.js';

const time = () => z.iso.datetime().nullable();

/** An account as those see it who look after it, and its owner at these calls. */
export const administeredUserSchema = userSchema
  .extend({
    status: z.enum(['active', 'disabled']),
    email_verified_at: time(),
    locked_until: time().meta({ description: 'After too many wrong passwords: unknown devices cannot sign in until then.' }),
    has_password: z.boolean(),
    password_set_at: time(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'AdministeredUser' });

const iso = (date: Date | null) => date?.toISOString() ?? null;

export const toAdministeredUser = (account: AdministeredAccount): z.output<typeof administeredUserSchema> => ({
  ...toUser(account),
  status: account.status,
  email_verified_at: iso(account.emailVerifiedAt),
  locked_until: iso(account.lockedUntil),
  has_password: account.hasPassword,
  password_set_at: iso(account.passwordSetAt),
  updated_at: account.updatedAt.toISOString(),
});

export const statisticsSchema = z
  .object({
    total: z.int(),
    active: z.int(),
    disabled: z.int(),
    unverified: z.int(),
    by_role: z.record(z.string(), z.int()).meta({ description: 'Accounts that have the role; one with two roles counts in both.' }),
    created: z.object({ last_24_hours: z.int(), last_7_days: z.int(), last_30_days: z.int() }),
    locked: z.int().meta({ description: 'Accounts that unknown devices cannot sign in to now.' }),
    sessions: z.object({ browser: z.int(), api: z.int() }),
    counted_at: z.iso.datetime(),
  })
  .meta({ id: 'UserStatistics' });

export const toStatistics = ({ byRole, created, countedAt, ...counts }: AccountStatistics): z.output<typeof statisticsSchema> => ({
  ...counts,
  by_role: byRole,
  created: { last_24_hours: created.lastDay, last_7_days: created.lastWeek, last_30_days: created.lastMonth },
  counted_at: countedAt.toISOString(),
});

/** Whatever it is, it is looked up: what no account can be called is told like what none is. */
export const idParams = z.object({ id: z.string() });

export const actorOf = ({ account, permissions }: Caller, { ip }: RequestFacts): Actor => ({ accountId: account.id, permissions, ip });

export const notFound = problem('There is no such account (`accounts.not_found`).');
