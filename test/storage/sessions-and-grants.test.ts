import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomId } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { examplePayload, lasting, openTestStore, type TestStore, times } from '../support/storage.js';

describe.each(databases)('what people see and end on %s', (provider) => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(provider);
  });
  afterAll(() => store.drop());

  const alive = async (kind: string, id: string) => (await store.adapter(kind).find(id)) !== undefined;

  /** A person with browsers, each signed in to an application, one of whose grants outlives the browser session. */
  async function person() {
    const accountId = randomId();
    const browsers = await Promise.all(
      times(3, async (index) => {
        const [grantId, offline, cookie, token, offlineToken] = times(5, () => randomId());
        await store.addGrant(grantId, { accountId, clientId: 'app', ...{ openid: { scope: 'openid email' } } });
        await store.addGrant(offline, { accountId, clientId: 'offline-app', ...{ resources: { 'https://api.example': 'read write' } } });
        for (const [id, of, clientId] of [
          [token, grantId, 'app'],
          [offlineToken, offline, 'offline-app'],
        ] as const) {
          const payload = examplePayload('RefreshToken', id ?? '', { accountId, grantId: of, clientId });
          await store.adapter('RefreshToken').upsert(id ?? '', payload, 600);
        }
        const authorizations = { app: { grantId }, 'offline-app': { grantId: offline, persistsLogout: true } };
        const session = examplePayload('Session', cookie ?? '', { uid: `${accountId}-${index}`, accountId, authorizations });
        await store.adapter('Session').upsert(cookie ?? '', session, 600);
        return {
          uid: `${accountId}-${index}`,
          cookie: cookie ?? '',
          token: token ?? '',
          offlineToken: offlineToken ?? '',
          grantId: grantId ?? '',
        };
      }),
    );
    return { accountId, browsers: browsers as [(typeof browsers)[0], (typeof browsers)[0], (typeof browsers)[0]] };
  }

  describe('sessions', () => {
    it('are listed with their applications, without those that ended or expired, and without anything secret', async () => {
      const { accountId, browsers } = await person();
      await store.sessions.end(browsers[0].uid);
      const gone = randomId();
      await store.adapter('Session').upsert(gone, { ...examplePayload('Session', gone, { accountId }), ...lasting(-5) }, -5);
      const list = await store.sessions.list(accountId);
      expect(list.map(({ uid }) => uid).sort()).toEqual([browsers[1].uid, browsers[2].uid]);
      expect(list[0]?.clientIds.sort()).toEqual(['app', 'offline-app']);
      for (const { cookie } of browsers) expect(JSON.stringify(list)).not.toContain(cookie);
      expect(await store.sessions.list('a\0b')).toEqual([]);
    });

    it('one ended takes the grants it gave, but not those that outlive a sign-out, and no other browser', async () => {
      const { browsers } = await person();
      expect(await store.sessions.end(browsers[0].uid)).toBe(true);
      expect(await alive('Session', browsers[0].cookie)).toBe(false);
      expect(await alive('RefreshToken', browsers[0].token)).toBe(false);
      expect(await alive('RefreshToken', browsers[0].offlineToken)).toBe(true);
      expect(await alive('Session', browsers[1].cookie)).toBe(true);
      expect(await alive('RefreshToken', browsers[1].token)).toBe(true);
      expect(await store.sessions.end(browsers[0].uid)).toBe(false);
    });

    it('of somebody else cannot be ended', async () => {
      const [mine, theirs] = [await person(), await person()];
      expect(await store.sessions.end(theirs.browsers[0].uid, { accountId: mine.accountId })).toBe(false);
      expect(await alive('Session', theirs.browsers[0].cookie)).toBe(true);
      expect(await store.sessions.end('a\0b', { accountId: mine.accountId })).toBe(false);
    });

    it('all ended leave nothing of the account alive: sessions, grants, tokens, half-done sign-ins', async () => {
      const [{ accountId, browsers }, other] = [await person(), await person()];
      const interaction = randomId();
      const halfDone = examplePayload('Interaction', interaction, { session: undefined, result: { login: { accountId } } });
      await store.adapter('Interaction').upsert(interaction, halfDone, 600);
      await store.sessions.endAll(accountId);
      expect(await alive('Interaction', interaction)).toBe(false);
      for (const { cookie, token, offlineToken, grantId } of browsers) {
        expect(await alive('Session', cookie)).toBe(false);
        expect(await alive('RefreshToken', token)).toBe(false);
        expect(await alive('RefreshToken', offlineToken)).toBe(false);
        expect(await alive('Grant', grantId)).toBe(false);
      }
      expect(await alive('RefreshToken', other.browsers[0].token)).toBe(true);
      await store.sessions.endAll('a\0b');
    });

    it('all but one ended leave that one with exactly the grants it names itself', async () => {
      const { accountId, browsers } = await person();
      const stray = await store.addGrant(randomId(), { accountId });
      await store.sessions.endAll(accountId, { exceptSessionUid: browsers[1].uid });
      expect(await alive('Session', browsers[1].cookie)).toBe(true);
      expect(await alive('RefreshToken', browsers[1].token)).toBe(true);
      expect(await alive('RefreshToken', browsers[1].offlineToken)).toBe(true);
      expect(await alive('Grant', stray)).toBe(false);
      for (const browser of [browsers[0], browsers[2]]) {
        expect(await alive('Session', browser.cookie)).toBe(false);
        expect(await alive('RefreshToken', browser.offlineToken)).toBe(false);
      }
    });

    it("all but somebody else's, or but one that has ended, are simply all", async () => {
      const [mine, theirs] = [await person(), await person()];
      await store.sessions.endAll(mine.accountId, { exceptSessionUid: theirs.browsers[0].uid });
      expect(await store.sessions.list(mine.accountId)).toEqual([]);
      expect(await store.grants.listByAccount(mine.accountId)).toEqual([]);
      expect(await store.sessions.list(theirs.accountId)).toHaveLength(3);
    });
  });

  describe('grants', () => {
    it('are listed with client, scopes and since when; applications once each', async () => {
      const { accountId } = await person();
      const grants = await store.grants.listByAccount(accountId);
      expect(grants).toHaveLength(6);
      expect(grants.find(({ clientId }) => clientId === 'app')).toMatchObject({ scopes: ['openid', 'email'], since: expect.any(Date) });
      const applications = await store.grants.listApplications(accountId);
      expect(applications.map(({ clientId }) => clientId).sort()).toEqual(['app', 'offline-app']);
      const offline = applications.find(({ clientId }) => clientId === 'offline-app');
      expect(offline).toMatchObject({ resources: { 'https://api.example': ['read', 'write'] } });
      expect(offline?.grantIds).toHaveLength(3);
    });

    it('are revoked by their owner only, with their tokens', async () => {
      const [mine, theirs] = [await person(), await person()];
      expect(await store.grants.revoke(theirs.browsers[0].grantId, { accountId: mine.accountId })).toBe(false);
      expect(await alive('RefreshToken', theirs.browsers[0].token)).toBe(true);
      expect(await store.grants.revoke(mine.browsers[0].grantId, { accountId: mine.accountId })).toBe(true);
      expect(await alive('RefreshToken', mine.browsers[0].token)).toBe(false);
      expect(await store.grants.revoke('a\0b')).toBe(false);
    });

    it('of one application are taken back together, with its remembered consent, and of no other', async () => {
      const { accountId, browsers } = await person();
      await addAccount(accountId);
      await store.consents.remember({ accountId, clientId: 'app', scopesByResource: new Map([['', ['openid']]]) });
      await store.grants.revokeByAccountAndClient(accountId, 'app');
      for (const { token, offlineToken } of browsers) {
        expect(await alive('RefreshToken', token)).toBe(false);
        expect(await alive('RefreshToken', offlineToken)).toBe(true);
      }
      expect((await store.consents.find(accountId, 'app')).size).toBe(0);
      expect(await store.sessions.list(accountId)).toHaveLength(3);
    });
  });

  async function addAccount(id: string) {
    const at = new Date();
    await store.db.client.account.upsert({
      where: { id },
      update: {},
      create: { id, email: `${id}@example.com`, createdAt: at, updatedAt: at },
    });
  }

  describe('remembered consent', () => {
    it('adds up, covers what was allowed and nothing else', async () => {
      const [accountId, clientId] = [randomId(), 'app'];
      await addAccount(accountId);
      const of = (scopesByResource: [string, string[]][]) => ({ accountId, clientId, scopesByResource: new Map(scopesByResource) });
      await store.consents.remember(of([['', ['openid', 'email']]]));
      await store.consents.remember(
        of([
          ['', ['profile']],
          ['https://api.example', ['read']],
        ]),
      );
      expect(
        await store.consents.covers(
          of([
            ['', ['openid', 'profile']],
            ['https://api.example', ['read']],
          ]),
        ),
      ).toBe(true);
      expect(await store.consents.covers(of([['https://api.example', ['write']]]))).toBe(false);
      expect(await store.consents.covers(of([['https://other.example', ['read']]]))).toBe(false);
      expect(await store.consents.covers({ ...of([['', ['openid']]]), clientId: 'another' })).toBe(false);
      await store.consents.forget(accountId, clientId);
      expect(await store.consents.covers(of([['', ['openid']]]))).toBe(false);
    });

    it('given ten times at once is kept in full', async () => {
      const accountId = randomId();
      await addAccount(accountId);
      await Promise.all(
        times(10, (index) =>
          store.consents.remember({ accountId, clientId: 'app', scopesByResource: new Map([['', [`scope-${index}`]]]) }),
        ),
      );
      expect((await store.consents.find(accountId, 'app')).get('')?.size).toBe(10);
    });

    it('is not kept for an account that is gone, nor for what no column can hold', async () => {
      const scopesByResource = new Map([['', ['openid']]]);
      await store.consents.remember({ accountId: 'nobody', clientId: 'app', scopesByResource });
      await store.consents.remember({ accountId: 'a\0b', clientId: 'app', scopesByResource });
      expect((await store.consents.find('nobody', 'app')).size).toBe(0);
      expect((await store.consents.find('a\0b', 'app')).size).toBe(0);
    });
  });
});
