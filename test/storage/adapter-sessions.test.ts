import type { AdapterPayload } from 'oidc-provider';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nowSeconds } from '../../src/platform/clock.js';
import { randomId } from '../../src/platform/crypto/index.js';
import { databases } from '../support/database.js';
import { openRequest } from '../support/library-request.js';
import { examplePayload, openTestStore, settle, type TestStore, times } from '../support/storage.js';

describe.each(databases)('browser sessions on %s', (provider) => {
  let store: TestStore;
  beforeAll(async () => {
    store = await openTestStore(provider);
  });
  afterAll(() => store.drop());

  const find = async (id: string) => (await store.adapter('Session').find(id)) ?? undefined;
  const rowOf = (uid: string) => store.db.client.session.findUniqueOrThrow({ where: { uid } });
  /** A saved session, as its cookie value and its uid. */
  async function begin(over: AdapterPayload = {}) {
    const id = randomId();
    await store.adapter('Session').upsert(id, examplePayload('Session', id, over), 600);
    return { id, uid: `uid-${id}` };
  }

  describe('rotation', () => {
    it('makes the new id valid and the old one not, in one row that keeps its uid', async () => {
      const { id, uid } = await begin();
      const request = await openRequest(store, id);
      request.rotate();
      await request.save();
      expect(await find(id)).toBeUndefined();
      expect(await find(request.session.jti)).toMatchObject({ uid, jti: request.session.jti });
      expect(await store.db.client.session.count({ where: { uid } })).toBe(1);
      expect((await rowOf(uid)).revokedAt).toBeNull();
    });

    it('keeps the session when the library saves once more in the same request', async () => {
      const { id, uid } = await begin();
      const request = await openRequest(store, id);
      request.rotate();
      await request.save();
      request.authorize('app', 'grant-1');
      await request.save();
      expect(await find(request.session.jti)).toMatchObject({ uid, authorizations: { app: { grantId: 'grant-1' } } });
    });

    it('a save in flight under the old id neither makes it valid again nor ends the new one (session fixation)', async () => {
      const { id } = await begin({ accountId: undefined, loginTs: undefined });
      const planted = await openRequest(store, id);
      const victim = await openRequest(store, id);
      Object.assign(victim.session, { accountId: 'victim', loginTs: nowSeconds() });
      victim.rotate();
      await victim.save();
      planted.session.state = { secret: 'planted' };
      await planted.save();
      expect(await find(id)).toBeUndefined();
      expect(await find(victim.session.jti)).toMatchObject({ accountId: 'victim' });
      expect(await find(victim.session.jti)).not.toMatchObject({ state: { secret: 'planted' } });
    });

    it('a replaced id is not made valid by a request that has read the session since', async () => {
      const { id, uid } = await begin();
      const first = await openRequest(store, id);
      first.rotate();
      await first.save();
      const late = await openRequest(store, 'no-such-cookie');
      Object.assign(late.session, examplePayload('Session', id, { uid }), { jti: id });
      await late.readByUid();
      await late.save();
      expect(await find(id)).toBeUndefined();
      expect(await find(first.session.jti)).toMatchObject({ uid });
    });

    it('a response to the old id never carries the new one, nor sets the dead one over it', async () => {
      const { id } = await begin();
      const [late, first] = [await openRequest(store, id), await openRequest(store, id)];
      first.rotate();
      await first.save();
      late.authorize('other-app', 'grant-2');
      await late.save();
      expect(first.cookie()).toBe(first.session.jti);
      expect(late.cookie()).toBeUndefined();
    });

    it('of one session in two tabs leaves one valid id and the authorizations of both', async () => {
      const { id } = await begin();
      const tabs = await Promise.all(times(2, () => openRequest(store, id)));
      for (const [index, tab] of tabs.entries()) {
        tab.authorize(`app-${index}`, `grant-${index}`);
        tab.rotate();
      }
      await Promise.all(tabs.map((tab) => tab.save()));
      const cookies = tabs.flatMap((tab) => tab.cookie() ?? []);
      expect(cookies).toHaveLength(1);
      expect(await find(cookies[0] ?? '')).toMatchObject({
        authorizations: { 'app-0': { grantId: 'grant-0' }, 'app-1': { grantId: 'grant-1' } },
      });
      for (const tab of tabs.filter((candidate) => !candidate.cookie())) expect(await find(tab.session.jti)).toBeUndefined();
    });

    it('of two people who sign in under one id at once lets one in and tells the other', async () => {
      const { id, uid } = await begin({ accountId: undefined, loginTs: undefined });
      const tabs = await Promise.all(times(2, () => openRequest(store, id)));
      for (const [index, tab] of tabs.entries()) {
        Object.assign(tab.session, { accountId: `person-${index}` });
        tab.rotate();
      }
      const { won, errors } = await settle(tabs.map((tab) => tab.save()));
      expect(won).toBe(1);
      expect(errors[0]).toMatchObject({ name: 'SessionNotFound', statusCode: 400 });
      const winner = tabs.find((tab) => tab.cookie());
      expect(await find(winner?.session.jti ?? '')).toMatchObject({ accountId: (await rowOf(uid)).accountId });
    });

    it('can be done by our own pages, which say whose session they hold', async () => {
      const { id, uid } = await begin();
      const next = randomId();
      await store.asRequest({ session: { uid, jti: next, oldId: id } }, async () => {
        await store.adapter('Session').destroy(id);
        await store.adapter('Session').upsert(next, examplePayload('Session', next, { uid }), 600);
      });
      expect(await find(id)).toBeUndefined();
      expect(await find(next)).toMatchObject({ uid });
    });
  });

  describe('sign-out', () => {
    it('ends the session by its uid, also when its id was rotated while the sign-out was on its way', async () => {
      const { id, uid } = await begin();
      const [signOut, signIn] = [await openRequest(store, id), await openRequest(store, id)];
      signIn.rotate();
      await signIn.save();
      await signOut.destroy();
      expect(await find(signIn.session.jti)).toBeUndefined();
      expect(await store.adapter('Session').findByUid(uid)).toBeUndefined();
    });

    it.each(['with the same id', 'with a new id'])('stays a sign-out although a request in flight saves the session %s', async (how) => {
      const { id, uid } = await begin();
      const [inFlight, signOut] = [await openRequest(store, id), await openRequest(store, id)];
      await signOut.destroy();
      if (how === 'with a new id') inFlight.rotate();
      await expect(inFlight.save()).rejects.toMatchObject({ name: 'SessionNotFound' });
      expect(inFlight.cookie()).toBeUndefined();
      // The library tries once more on its way out of the request; that changes nothing and throws nothing.
      await inFlight.save();
      expect(await find(id)).toBeUndefined();
      expect(await find(inFlight.session.jti)).toBeUndefined();
      expect((await rowOf(uid)).revokedAt).not.toBeNull();
    });

    it('without a request to tell, destroying an id ends the session, and a new id for it is refused', async () => {
      const { id, uid } = await begin();
      await store.adapter('Session').destroy(id);
      const next = randomId();
      const saving = store.adapter('Session').upsert(next, examplePayload('Session', next, { uid }), 600);
      await expect(saving).rejects.toMatchObject({ name: 'SessionNotFound' });
      expect(await find(next)).toBeUndefined();
    });
  });

  describe('two tabs that save at once', () => {
    it('keep the authorizations of both, and of ten', async () => {
      const { id, uid } = await begin();
      const tabs = await Promise.all(times(10, () => openRequest(store, id)));
      for (const [index, tab] of tabs.entries()) tab.authorize(`app-${index}`, `grant-${index}`);
      await Promise.all(tabs.map((tab) => tab.save()));
      expect(Object.keys((await find(id))?.authorizations ?? {})).toHaveLength(10);
      expect((await rowOf(uid)).version).toBe(11);
    });

    it('do not bring back an authorization that one of them took away', async () => {
      const { id } = await begin({ authorizations: { old: { grantId: 'g' }, kept: { grantId: 'k' } } });
      const [signOutOfOne, other] = [await openRequest(store, id), await openRequest(store, id)];
      signOutOfOne.session.authorizations = { kept: { grantId: 'k' } };
      await signOutOfOne.save();
      other.authorize('new', 'n');
      await other.save();
      expect(Object.keys((await find(id))?.authorizations ?? {}).sort()).toEqual(['kept', 'new']);
    });

    it('keep what each changed besides', async () => {
      const { id } = await begin({ state: undefined });
      const [first, second] = [await openRequest(store, id), await openRequest(store, id)];
      first.session.state = { secret: 'from the first' };
      await first.save();
      second.session.acr = 'from the second';
      await second.save();
      expect(await find(id)).toMatchObject({ state: { secret: 'from the first' }, acr: 'from the second' });
    });

    it('lose nothing when one of them reads the session once more in between', async () => {
      const { id } = await begin();
      const [reader, other] = [await openRequest(store, id), await openRequest(store, id)];
      other.authorize('other-app', 'o');
      await other.save();
      await reader.readByUid();
      reader.authorize('reader-app', 'r');
      await reader.save();
      expect(Object.keys((await find(id))?.authorizations ?? {}).sort()).toEqual(['other-app', 'reader-app']);
    });

    it('outside a request lose nothing either', async () => {
      const { id, uid } = await begin();
      const states = await Promise.all(times(2, () => find(id)));
      await Promise.all(
        states.map((state, index) =>
          store.adapter('Session').upsert(id, { ...state, uid, authorizations: { [`app-${index}`]: { grantId: `${index}` } } }, 600),
        ),
      );
      expect(Object.keys((await find(id))?.authorizations ?? {}).sort()).toEqual(['app-0', 'app-1']);
    });
  });

  it('a save, a rotation and an end at the same moment leave the session ended', async () => {
    for (let round = 0; round < 25; round++) {
      const { id, uid } = await begin({ accountId: 'busy' });
      const [saver, rotator] = [await openRequest(store, id), await openRequest(store, id)];
      saver.authorize('app', 'grant');
      rotator.rotate();
      await settle([saver.save(), store.sessions.end(uid), rotator.save()]);
      expect(await find(id)).toBeUndefined();
      expect(await find(rotator.session.jti)).toBeUndefined();
    }
  });

  it('where the person signed in is kept from the first save with an account, bounded in length', async () => {
    const id = randomId();
    const uid = `uid-${id}`;
    const anonymous = examplePayload('Session', id, { accountId: undefined, loginTs: undefined });
    await store.asRequest({ ip: '198.51.100.9', userAgent: 'before' }, async () => store.adapter('Session').upsert(id, anonymous, 600));
    expect(await rowOf(uid)).toMatchObject({ ip: null, userAgent: null, accountId: null, signedInAt: null });
    const signedIn = { ...anonymous, accountId: 'person', loginTs: 1_700_000_000 };
    await store.asRequest({ ip: '203.0.113.7', userAgent: 'A'.repeat(5000) }, async () =>
      store.adapter('Session').upsert(id, signedIn, 600),
    );
    await store.asRequest({ ip: '192.0.2.1', userAgent: 'later' }, async () => store.adapter('Session').upsert(id, signedIn, 600));
    const row = await rowOf(uid);
    expect(row).toMatchObject({ ip: '203.0.113.7', accountId: 'person', signedInAt: new Date(1_700_000_000_000) });
    expect(row.userAgent).toHaveLength(255);
    expect(row.expiresAt.getTime()).toBe(Number(signedIn.exp) * 1000);
  });

  it('a user agent that no database can store is left out', async () => {
    const { uid, id } = await begin({ accountId: undefined });
    const state = examplePayload('Session', id, { uid });
    await store.asRequest({ ip: '203.0.113.7', userAgent: 'bad\0agent' }, async () => store.adapter('Session').upsert(id, state, 600));
    expect(await rowOf(uid)).toMatchObject({ ip: '203.0.113.7', userAgent: null });
  });
});
