/** That what the list of event types promises can be found: every type is made by something, here or in the test that is named. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { auditEventTypes } from '../../src/platform/audit/index.js';
import { Browserless } from '../support/browserless.js';
import { besideServer } from '../support/command-line.js';
import { useEverything } from '../support/every-statement.js';
import { consent, createPerson, PASSWORD, signIn } from '../support/people.js';
import { createRelyingParty, startDeclaredServer } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';

/** Types that take more than this test has; the test that looks for each. */
const ELSEWHERE: Record<string, string> = {
  'token.exchanged': 'flows/token-exchange',
  'ciba.refused': 'flows/ciba',
  'consent.withdrawn': 'http/account-applications',
  'refresh_token.reused': 'flows/token-reuse',
  'signing_key.revoked': 'cli/keys',
  'database.restored': 'cli/backup',
  'client.refused': 'flows/explain',
};

let server: TestServer;
beforeAll(async () => {
  server = await startDeclaredServer();
});
afterAll(() => server?.close());

it('every type of event is made by what it is named after', async () => {
  const { services } = server;
  const { identity, clients, signingKeys, webhooks, auditTrail } = services;
  const latchkey = besideServer(server.config);
  await useEverything(server);

  const { account, email } = await createPerson(server);
  const ip = '192.0.2.1';
  const login = (password: string) => identity.login.withPassword({ identifier: email, password, ip }).catch(() => undefined);
  const wrong = { accountId: account.id, currentPassword: 'not the password', ip };
  await identity.passwordChange.change({ ...wrong, newPassword: `${PASSWORD} b` }).catch(() => undefined);
  await identity.emailChange.request({ ...wrong, newEmail: 'other@example.com' }).catch(() => undefined);
  await identity.emailChange.request({ ...wrong, currentPassword: PASSWORD, newEmail: 'other@example.com' });
  await identity.emailChange.cancel(account.id, { ip });
  await identity.passwordChange.change({ accountId: account.id, currentPassword: PASSWORD, newPassword: `${PASSWORD} b`, ip });
  await latchkey.json(['user', 'set-password', email, '--password-stdin'], { input: PASSWORD });
  for (let failure = 0; failure < 6; failure += 1) await login('not the password');
  await latchkey.json(['user', 'unlock', email]);
  await latchkey.json(['user', 'disable', email]);
  await login(PASSWORD);
  await latchkey.json(['user', 'enable', email]);
  const { account: operator } = await createPerson(server, { roles: ['admin', 'user'] });
  const permissions = new Set(await identity.roles.permissionsOf(operator.id));
  await identity.administration.update({ accountId: operator.id, permissions } as never, account.id, { verified: false });
  await identity.registration.resend({ email, ip });

  // Somebody says yes, and no.
  const party = await createRelyingParty(server, 'shop');
  const person = await createPerson(server);
  for (const decision of ['cancel', 'allow'] as const) {
    const browser = new Browserless();
    await consent(browser, await signIn(browser, await browser.open((await party.begin()).url.href), person), decision);
  }
  const [session] = await services.sessions.list(person.account.id);
  await latchkey.json(['sessions', 'revoke', session?.uid ?? '']);

  await clients.rotateSecret('shop');
  await signingKeys.rotate({ force: true });
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 400 * 86_400_000 });
  await signingKeys.removeExpired();
  vi.useRealTimers();
  // A line of keys that the settings no longer name.
  const second = await startTestServer({ databaseUrl: server.config.databaseUrl, env: { SIGNING_ALGS: 'RS256' } });
  await second.services.signingKeys.rotateIfDue();
  await second.close();
  const { endpoint } = await webhooks.create({ url: 'https://example.com/', events: ['webhook.*'] });
  await webhooks.rotateSecret(endpoint.id);
  await webhooks.delete(endpoint.id);
  await auditTrail.chain();
  await latchkey.json(['audit', 'continue', '--yes']);

  const keys = {
    KEY_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    KEY_ENCRYPTION_KEY_PREVIOUS: server.config.keyEncryptionKey.toString('base64'),
  };
  await latchkey.json(['secrets', 'reseal'], { env: keys });
  for (const [type, file] of Object.entries(ELSEWHERE))
    expect(readFileSync(path.resolve(import.meta.dirname, '..', `${file}.test.ts`), 'utf8')).toContain(`'${type}'`);
  await services.audit.flush();
  const rows = await services.db.client.auditEvent.groupBy({ by: ['type'] });
  const made = new Set([...rows.map(({ type }) => type), ...Object.keys(ELSEWHERE)]);
  expect([...made].sort()).toEqual([...auditEventTypes].sort());
});
