import { createAccountStatistics } from '../../src/identity/account-statistics/index.js';
import { type Identity, type ImportLine, permissions } from '../../src/identity/index.js';
import { createPurge } from '../../src/oidc/adapter/index.js';
import { MAX_API_SIGN_INS } from '../../src/oidc/sessions/index.js';
import { createApplication, PERSON, REDIRECT_URI } from './application.js';
import { Browserless } from './browserless.js';
import { createPerson, PASSWORD } from './people.js';
import type { TestServer } from './server.js';

/** Uses an installation as people, applications and its own jobs do, once each, so that every hot statement is sent. */
export async function useEverything(server: TestServer): Promise<void> {
  const { services, url } = server;
  const { identity } = services;
  const { client, clientSecret = '' } = await services.clients.create(
    {
      client_name: 'App',
      redirect_uris: [REDIRECT_URI],
      grant_types: [
        ...['authorization_code', 'refresh_token', 'client_credentials'],
        ...['urn:ietf:params:oauth:grant-type:device_code', 'urn:openid:params:grant-type:ciba'],
      ],
      first_party: true,
    },
    { source: 'operator' },
  );
  const { account } = await createPerson(server, { email: PERSON });
  const app = createApplication({ url, dataDir: server.config.dataDir, client: { id: client.id, secret: clientSecret } });
  const authorization = `Basic ${Buffer.from(`${client.id}:${clientSecret}`).toString('base64')}`;
  const post = (path: string, fields: Record<string, string>) =>
    fetch(url + path, { method: 'POST', headers: { authorization }, body: new URLSearchParams(fields) });

  // Codes, tokens, refreshes, both kinds of second use.
  const browser = await app.signIn();
  const { issued } = await app.authorize(browser);
  if (!issued) throw new Error('no code');
  const first = await app.redeem(issued);
  const second = await app.refresh(first.refreshToken ?? '');
  if (second.status !== 200) throw new Error('no refreshed token');
  await post('/introspect', { token: second.refreshToken ?? '' });
  await app.redeem(issued);
  const again = (await app.authorize(browser)).issued;
  if (!again) throw new Error('no second code');
  const third = await app.redeem(again);
  await app.refresh(third.refreshToken ?? '');
  await app.refresh(third.refreshToken ?? '');
  const machine = (await (await post('/token', { grant_type: 'client_credentials' })).json()) as { access_token: string };
  await post('/introspect', { token: machine.access_token });
  await post('/revoke', { token: machine.access_token });
  await fetch(`${url}/userinfo`, { headers: { authorization: `Bearer ${machine.access_token}` } });

  // A question to a person, answered and collected.
  const question = (await (await post('/backchannel', { scope: 'openid', login_hint: PERSON })).json()) as { auth_req_id: string };
  const answered = { grant_type: 'urn:openid:params:grant-type:ciba', auth_req_id: question.auth_req_id };
  await post('/token', answered);
  const [link = ''] = await server.linksTo(PERSON);
  await browser.submit(await browser.open(link), '/approve', { decision: 'allow' });
  if ((await post('/token', answered)).status !== 200) throw new Error('nobody answered');

  // People's own pages, a wrong password, mail links.
  for (const page of ['/account', '/account/sessions', '/account/applications', '/account/profile']) await browser.open(url + page);
  await identity.login.withPassword({ identifier: PERSON, password: 'not the password at all', ip: '192.0.2.1' }).catch(() => undefined);
  await identity.login.withPassword({ identifier: PERSON, password: PASSWORD, ip: '192.0.2.1' });
  await app.register('new@example.com');
  const [verification = ''] = await server.linksTo('new@example.com');
  await app.verify(verification);
  const { key, apiKey } = await identity.apiKeys.create({ accountId: account.id, name: 'Backup', permissions: ['profile:read'] });
  await identity.apiKeys.authenticate(key);
  await identity.apiKeys.flush();
  await identity.apiKeys.list(account.id);
  await identity.apiKeys.countLiving(account.id);
  await identity.apiKeys.revoke(apiKey.id, { accountId: account.id });
  await identity.emailChange.request({ accountId: account.id, currentPassword: PASSWORD, newEmail: 'moved@example.com' });
  await identity.emailChange.findPending(account.id);
  const [change = ''] = await server.linksTo('moved@example.com');
  await identity.emailChange.confirm({ token: new URL(change).searchParams.get('token') ?? '' });
  await identity.emailChange.request({ accountId: account.id, currentPassword: PASSWORD, newEmail: PERSON });
  const [back = ''] = await server.linksTo(PERSON);
  await identity.emailChange.confirm({ token: new URL(back).searchParams.get('token') ?? '' });
  await identity.recovery.request({ email: PERSON, ip: '192.0.2.1' });
  const [reset = ''] = await server.linksTo(PERSON);
  const visitor = new Browserless();
  await visitor.submit(await visitor.open(reset), '/reset', { password: `${PASSWORD} again` });

  // A device, and a code that is none.
  const device = await (await post('/device/auth', { scope: 'openid' })).json();
  const waiting = {
    grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
    device_code: (device as { device_code: string }).device_code,
  };
  await post('/token', waiting);
  await browser.submit(await browser.open(`${url}/device`), '/device', { user_code: 'BCDF-GHJK' });
  const { user_code: userCode } = device as { user_code: string };
  const seen = await browser.submit(await browser.open(`${url}/device`), '/device', { user_code: userCode });
  await browser.submit(seen, '/device', { confirm: 'yes' });
  await post('/token', waiting);

  // Applications with their own sign-in form.
  const current = await identity.accounts.find(account.id);
  const signIn = await server.app.firstParty.signIn({ accountId: account.id, generation: current?.signInGeneration ?? 0, amr: ['pwd'] });
  await server.app.firstParty.refresh({ refreshToken: signIn.refreshToken });
  await server.app.firstParty.authenticate(signIn.accessToken);
  const grant = await services.db.client.grant.findUniqueOrThrow({ where: { id: signIn.sessionId } });
  const more = Array.from({ length: MAX_API_SIGN_INS }, (_, index) => ({ ...grant, id: `${grant.id}-${index}` }));
  await services.db.client.grant.createMany({ data: more });
  if ((await services.sessions.endSurplusApiSignIns(account.id, signIn.sessionId)) !== 1) throw new Error('no surplus');
  // One account that holds much of the table would be read by scanning it.
  for (const { id } of more) await services.db.client.grant.delete({ where: { id } });

  await services.clients.firstPartyOrigins();

  // A client that registers itself, changes and is deleted; one that is not used.
  const { clientRegistration } = services;
  const { token, initialAccessToken } = await clientRegistration.initialAccessTokens.create({ uses: 1, ttlSeconds: 60 });
  const own = { redirect_uris: [REDIRECT_URI] };
  const registered = await clientRegistration.register(own, { token, ip: '192.0.2.1' });
  const ownId = registered.client.id;
  const replaced = await clientRegistration.replace(ownId, own, { token: registered.managementToken, ip: '192.0.2.1' });
  services.clients.noteUse(ownId);
  await services.clients.flushUses();
  await clientRegistration.delete(ownId, { token: replaced.managementToken, ip: '192.0.2.1' });
  const unused = await clientRegistration.register(own, { token: undefined, ip: '192.0.2.1' });
  await services.db.client.client.update({ where: { id: unused.client.id }, data: { unusedUntil: new Date(0) } });
  if ((await services.clients.deleteUnused()) !== 1) throw new Error('an unused client was not deleted');
  await clientRegistration.initialAccessTokens.list();
  await clientRegistration.initialAccessTokens.revoke(initialAccessToken.id);

  // What operators, jobs and other processes do.
  await services.sessions.list(account.id);
  await services.sessions.end(signIn.sessionId, { accountId: account.id });
  await services.sessions.endAll(account.id);
  await services.grants.listByAccount(account.id);
  await services.grants.revokeByAccountAndClient(account.id, client.id);
  await services.consents.forgetAll(account.id);
  await identity.endEverything(account.id);
  await listEveryWay(identity.accounts);
  const { account: operator } = await createPerson(server, { roles: ['admin', 'user'] });
  const actor = { accountId: operator.id, permissions: new Set(permissions) };
  await createAccountStatistics({
    db: services.db,
    lockout: { lockedSeconds: async (keys) => keys.map(() => 0) },
    listRoles: identity.roles.list,
    // A count of all living sessions reads them all, once a minute at most.
    countSessions: async () => ({ browser: 0, api: 0 }),
    maxLockSeconds: 3600,
  })();
  await identity.administration.update(actor, account.id, { email: 'changed@example.com', username: 'changed', verified: true });
  await identity.administration.setRoles(actor, account.id, ['manager', 'user']);
  await identity.administration.setRoles(actor, account.id, ['user']);
  await createPurge({ db: services.db }).run();
  await services.audit.flush();
  await services.auditTrail.chain();
  for (const query of [{}, { account: account.id }, { client: client.id, type: 'token.*' }, { type: 'login.*', since: new Date(0) }]) {
    const { nextCursor } = await services.auditTrail.list({ ...query, limit: 1 });
    await services.auditTrail.list({ ...query, limit: 1, cursor: nextCursor ?? undefined });
  }
  await services.auditTrail.verify();
  await services.auditTrail.deleteOlderThan(100);
  await services.changes.poll();
  await identity.userImport.run(importedLines());
  await identity.accounts.disable(account.id);
  await services.clients.delete(client.id);
  await identity.accounts.delete(account.id);
}

/** Every order with every filter. What is searched for is rare, as the filler of the tables is common. */
async function listEveryWay({ list }: Identity['accounts']): Promise<void> {
  for (const sort of ['createdAt', 'email'] as const) {
    for (const order of ['asc', 'desc'] as const) {
      const { nextCursor } = await list({ sort, order, limit: 1 });
      await list({ sort, order, limit: 1, cursor: nextCursor ?? undefined });
      await list({ sort, order, status: 'active', verified: true });
      await list({ sort, order, status: 'active', verified: false });
      await list({ sort, order, q: 'person', role: 'manager' });
      await list({ sort, order, q: 'person@' });
      await list({ sort, order, role: 'manager' });
    }
  }
}

/** Of an import: one that is new, and one that is there already by address, username and id. */
async function* importedLines(): AsyncGenerator<ImportLine> {
  yield { line: 1, row: { id: 'imported', email: 'imported@example.com', username: 'imported' } };
  yield { line: 2, row: { email: PERSON } };
}
