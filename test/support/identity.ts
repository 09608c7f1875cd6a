import { createSecretKey } from 'node:crypto';
import {
  type Account,
  type Actor,
  createIdentity,
  type Identity,
  type IdentityDeps,
  type IdentitySettings,
  type Permission,
} from '../../src/identity/index.js';
import { createAudit } from '../../src/platform/audit/index.js';
import { createSealer } from '../../src/platform/crypto/index.js';
import type { Database } from '../../src/platform/db/index.js';
import type { MailRequest } from '../../src/platform/mail/index.js';
import { createTestDatabase, type TestDatabase } from './database.js';

export type TestIdentity = {
  identity: Identity;
  /** what it was made from, to make another one */
  deps: IdentityDeps;
  db: Database;
  database: TestDatabase;
  /** Every mail, in order. */
  mails: MailRequest[];
  /** The mails to an address since the last time this was asked. */
  takeMails(to: string): MailRequest[];
  /** The token in the link of the newest mail to an address. */
  linkToken(to: string): string;
  /** Accounts whose sessions were ended, with the session that was kept. */
  ended: { accountId: string; exceptSessionUid?: string | undefined }[];
  /** Accounts whose consents were forgotten. */
  forgotten: string[];
  /** Why API keys were not taken. */
  refusedKeys: string[];
  /** Another identity on the same database, as another process would have it. */
  second(overrides?: Partial<IdentitySettings>): Identity;
};

/** Cheap hashes and wide limits; a test that is about one of them sets it. */
export const testSettings: IdentitySettings = {
  hashMemoryKib: 1024,
  hashPasses: 1,
  hashLanes: 1,
  hashQueue: 500,
  passwordMinScore: 2,
  loginFailureFloorMs: 0,
  lockoutFailures: 5,
  limitFailedLoginsPerMinute: 1000,
  limitRegistrationsPerHour: 1000,
  limitResetsPerHour: 1000,
  verificationTtlSeconds: 86_400,
  resetTtlSeconds: 3600,
  requireVerifiedEmail: true,
  brandName: 'Latchkey',
};

/** The whole of identity on a database of its own; mail and sessions, which lie outside, are recorded. */
export async function createTestIdentity(provider: Database['provider'], overrides: Partial<IdentitySettings> = {}): Promise<TestIdentity> {
  const database = await createTestDatabase(provider);
  const mails: MailRequest[] = [];
  const ended: TestIdentity['ended'] = [];
  const forgotten: string[] = [];
  const refusedKeys: string[] = [];
  const log = { warn: () => undefined, error: (fields: object) => console.error(fields) };
  const depsOf = (settings: Partial<IdentitySettings>): IdentityDeps => ({
    db: database.db,
    sealer: createSealer(Buffer.alloc(32, 1)),
    hmacPepper: createSecretKey(Buffer.alloc(32, 2)),
    mailer: { send: async (mail) => void mails.push(mail) },
    audit: createAudit({ db: database.db, key: createSecretKey(Buffer.alloc(32, 4)), log }),
    sessions: {
      // As the real one does first: sign-ins that began before are worth nothing.
      async endAll(accountId, options) {
        ended.push({ accountId, ...options });
        await database.db.client.account.updateMany({ where: { id: accountId }, data: { signInGeneration: { increment: 1 } } });
      },
    },
    consents: { forgetAll: async (accountId) => void forgotten.push(accountId) },
    apiKeyRefused: (reason) => void refusedKeys.push(reason),
    countSessions: async () => ({ browser: 2, api: 1 }),
    links: {
      verifyEmail: (token) => `https://id.example/register/verify?token=${token}`,
      resetPassword: (token) => `https://id.example/reset?token=${token}`,
      confirmEmail: (token) => `https://id.example/email/confirm?token=${token}`,
      approve: (token) => `https://id.example/email/confirm?token=${token}`,
      login: 'https://id.example/account',
      forgot: 'https://id.example/forgot',
      account: 'https://id.example/account',
      sessions: 'https://id.example/account/sessions',
      apiKeys: 'https://id.example/account/api-keys',
    },
    log,
    settings: { ...testSettings, ...overrides, ...settings },
  });
  const create = (settings: Partial<IdentitySettings>) => createIdentity(depsOf(settings));
  const identity = create({});
  await identity.roles.seed();
  return {
    identity,
    deps: depsOf({}),
    db: database.db,
    database,
    mails,
    ended,
    forgotten,
    refusedKeys,
    second: (settings = {}) => create(settings),
    takeMails(to) {
      const taken = mails.filter((mail) => mail.to === to);
      for (const mail of taken) mails.splice(mails.indexOf(mail), 1);
      return taken;
    },
    linkToken(to) {
      const mail = mails.findLast((candidate) => candidate.to === to && 'url' in candidate.data);
      if (!mail || !('url' in mail.data)) throw new Error(`no mail with a link was sent to ${to}`);
      return new URL(mail.data.url).searchParams.get('token') ?? '';
    },
  };
}

/** How a call ended: `ok`, or the code of its error. */
export const outcomeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'ok',
    (error: { code?: string; message?: string }) => error.code ?? String(error.message),
  );

let made = 0;

/** Accounts of so many roles, and each as somebody who acts. */
export const makePeople = (test: () => TestIdentity) => ({
  make: (roles: readonly string[] = ['user'], input: object = {}): Promise<Account> =>
    test().identity.accounts.create({ email: `maker${++made}@example.com`, roles, verified: true, ...input }),
  actor: async ({ id }: Account): Promise<Actor> => ({
    accountId: id,
    permissions: new Set((await test().identity.roles.permissionsOf(id)) as Permission[]),
    ip: '192.0.2.9',
  }),
});
