import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type AccountBrowser, fieldOf, noticeOf, openAccount, pathOf } from '../support/account-browser.js';
import type { Page } from '../support/browserless.js';
import { titleOf } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';

const PATH = '/account/api-keys';
const DAY = 24 * 3_600_000;

describe('the page of API keys', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  afterEach(() => vi.useRealTimers());
  const keysOf = ({ account }: AccountBrowser) => server.services.identity.apiKeys.list(account.id);
  const works = async (key: string) => (await server.services.identity.apiKeys.authenticate(key)) !== null;
  const create = (person: AccountBrowser, fields: Record<string, string> = {}) =>
    person.submit(PATH, PATH, { name: 'Backup', 'may:profile:read': 'on', expires: '90', ...fields });
  const keyOn = (page: Page) => /lk_[0-9a-f]{8}_[\w-]{43}/.exec(page.body)?.[0] ?? '';

  it('makes a key, tells it once, and lists it from then on by how it begins', async () => {
    const person = await openAccount(server);
    const made = await create(person, { expires: '30' });
    expect([made.status, titleOf(made), made.headers.get('cache-control')]).toEqual([
      200,
      expect.stringContaining('Your new API key'),
      'no-store',
    ]);
    const key = keyOn(made);
    const list = await person.open(PATH);
    expect(list.body).toContain(key.slice(0, 11));
    expect(list.body).not.toContain(key.slice(12));
    expect(list.body).toContain('<dd>See your profile</dd>');
    expect(list.body).toContain('Not yet');
    const [apiKey] = await keysOf(person);
    expect(apiKey).toMatchObject({ name: 'Backup', permissions: ['profile:read'] });
    expect(((apiKey?.expiresAt?.getTime() ?? 0) - (apiKey?.createdAt.getTime() ?? 0)) / DAY).toBeCloseTo(30, 3);
    expect(await works(key)).toBe(true);
    await server.services.identity.apiKeys.flush();
    expect((await person.open(PATH)).body).not.toContain('Not yet');
  });

  it('offers the permissions a person has, and takes no other', async () => {
    const [user, admin] = [await openAccount(server), await openAccount(server)];
    await server.services.identity.roles.grant(admin.account.id, 'admin');
    const boxes = (page: Page) => [...page.body.matchAll(/name="may:([^"]+)"/g)].map(([, name]) => name);
    expect(boxes(await user.open(PATH))).toEqual(['profile:read', 'profile:update']);
    expect(boxes(await admin.open(PATH))).toContain('system:monitor');
    for (const wrong of ['user:delete', 'everything', '', '__proto__', '<b>', 'profile:read ']) {
      const page = await create(user, { [`may:${wrong}`]: 'on' });
      expect([page.status, wrong]).toEqual([422, wrong]);
      expect(page.body).toContain('id="permissions-error"');
      expect(page.body).not.toContain('<b>');
    }
    expect(await keysOf(user)).toEqual([]);
  });

  it('tells a fault at its field and keeps what was chosen', async () => {
    const person = await openAccount(server);
    const cases: [Record<string, string>, string][] = [
      [{ name: '' }, 'name'],
      [{ name: 'x'.repeat(101) }, 'name'],
      [{ name: 'a\u202eb' }, 'name'],
      [{ name: 'nul\0' }, 'name'],
      [{ expires: '31' }, 'expires'],
      [{ expires: '' }, 'expires'],
      [{ expires: '9'.repeat(400) }, 'expires'],
    ];
    for (const [fields, field] of cases) {
      const page = await create(person, { expires: '365', 'may:profile:update': 'on', ...fields });
      expect([page.status, titleOf(page)], JSON.stringify(fields)).toEqual([422, expect.stringMatching(/^Error: /)]);
      expect(page.body).toContain(`href="#${field}"`);
      expect(page.body).toContain(`id="${field}-error"`);
      expect(fieldOf(page, PATH, 'may:profile:update')).toBe('on');
      if (field === 'name') expect(page.body).toMatch(/<option value="365" selected/);
    }
    // Without a permission a key would be of no use.
    const none = await person.browser.post(`${server.url}${PATH}`, {
      csrf: fieldOf(await person.open(PATH), PATH, 'csrf') ?? '',
      name: 'x',
      expires: 'never',
    });
    expect([none.status, none.body.includes('id="permissions-error"')]).toEqual([422, true]);
    expect(await keysOf(person)).toEqual([]);
  });

  it('asks once more before it revokes, and then the key is dead', async () => {
    const person = await openAccount(server);
    const key = keyOn(await create(person, { name: 'Night <b>job</b>' }));
    const list = await person.open(PATH);
    expect(list.body).not.toContain('<b>job');
    const href = /href="(\/account\/api-keys\/revoke\?key=[^"]+)"/.exec(list.body)?.[1] ?? '';
    const question = await person.open(href);
    expect([question.status, titleOf(question)]).toEqual([200, expect.stringContaining('Revoke this key?')]);
    expect(await works(key)).toBe(true);
    const done = await person.browser.submit(question, `${PATH}/revoke`, {});
    expect([pathOf(done), noticeOf(done)]).toEqual([PATH, 'The key has been revoked.']);
    expect(await works(key)).toBe(false);
    const again = await person.browser.submit(question, `${PATH}/revoke`, {});
    expect([again.status, titleOf(again)]).toEqual([404, expect.stringContaining('There is no such key')]);
    expect((await person.open(href)).status).toBe(404);
  });

  it('shows and revokes nobody else’s, told as one that never was', async () => {
    const [owner, other] = [await openAccount(server), await openAccount(server)];
    const key = keyOn(await create(owner));
    await create(other);
    const [foreign] = await keysOf(owner);
    const question = await other.open(/href="(\/account\/api-keys\/revoke\?key=[^"]+)"/.exec((await other.open(PATH)).body)?.[1] ?? '');
    for (const id of [foreign?.id ?? '', 'unknown', '', 'nul\0', '\ufffd', 'x'.repeat(5000)]) {
      expect((await other.open(`${PATH}/revoke?key=${encodeURIComponent(id)}`)).status, id).toBe(404);
      expect((await other.browser.submit(question, `${PATH}/revoke`, { key: id })).status, id).toBe(404);
    }
    expect((await other.open(`${PATH}/revoke?key=a&key=b`)).status).toBe(404);
    expect(await works(key)).toBe(true);
  });

  it('says that a key has expired', async () => {
    const person = await openAccount(server);
    const key = keyOn(await create(person, { expires: '30' }));
    expect((await person.open(PATH)).body).not.toContain('Expired');
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 30 * DAY });
    expect(await works(key)).toBe(false);
    // The session has ended as well by then; signed in again, the list says so.
    const later = await openAccount(server, { person, path: PATH });
    expect(later.page.body).toContain('Expired');
  });

  it('makes no key for a session that ended while the form was on its way', async () => {
    const person = await openAccount(server);
    const form = await person.open(PATH);
    for (const round of [0, 1, 2, 3]) {
      const { identity } = server.services;
      await Promise.all([
        person.browser.submit(form, PATH, { name: `${round}`, 'may:profile:read': 'on', expires: 'never' }),
        identity.endEverything(person.account.id),
      ]);
      expect(await identity.apiKeys.countLiving(person.account.id)).toBe(0);
    }
  });
});

describe('API keys, where the API is switched off', () => {
  it('have no page, and no way there', async () => {
    const server = await startTestServer({ env: { FIRST_PARTY_API: 'off' } });
    try {
      const person = await openAccount(server);
      expect(person.page.body).not.toContain(PATH);
      for (const path of [PATH, `${PATH}/revoke`]) expect((await person.open(path)).status).toBe(404);
    } finally {
      await server.close();
    }
  });
});
