import * as oidc from 'openid-client';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { databases } from '../support/database.js';
import { API, clients } from '../support/declarations.js';
import { approve, createDevice, type Device, enterCode } from '../support/devices.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { startDeclaredServer, titleOf } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe.each(databases)('a device without a keyboard (RFC 8628) on %s', (provider) => {
  let server: TestServer;
  let device: Device;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    device = await createDevice(server);
  });
  afterEach(() => void vi.useRealTimers());
  afterAll(() => server?.close());

  const later = (seconds: number) => vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + seconds * 1000 });

  test('gets a code of letters that nobody confuses, an address to show, and how often it may ask', async () => {
    const { answer } = await device.ask();
    expect(answer.user_code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    expect(answer.verification_uri).toBe(`${server.url}/device`);
    expect(answer.verification_uri_complete).toBe(`${server.url}/device?user_code=${answer.user_code}`);
    expect(answer).toMatchObject({ expires_in: 600, interval: 5 });
  });

  test('waits until its person has let it in, and then has tokens for that person', async () => {
    const person = await createPerson(server);
    const { deviceCode, userCode } = await device.ask();
    expect(await device.tryOnce(deviceCode)).toMatchObject({ status: 400, error: 'authorization_pending' });
    const done = await approve(server, new Browserless(), userCode, person);
    expect(titleOf(done)).toContain('Your device is signed in');
    const tokens = await device.poll(deviceCode);
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'openid profile' });
    expect(tokens.refresh_token).toBeDefined();
    const { sub } = JSON.parse(Buffer.from(String(String(tokens.id_token).split('.')[1]), 'base64url').toString()) as { sub: string };
    expect(sub).toBe(person.account.id);
    const userinfo = await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${tokens.access_token}` } });
    expect(await userinfo.json()).toMatchObject({ sub: person.account.id });
  });

  test('is polled for by openid-client, which gets a JWT for the API that was asked for', async () => {
    const person = await createPerson(server);
    const config = await oidc.discovery(new URL(server.url), clients.television.client_id, undefined, oidc.None(), {
      execute: [oidc.allowInsecureRequests],
    });
    const waiting = await oidc.initiateDeviceAuthorization(config, { scope: 'openid offline_access orders:read', resource: API });
    await approve(server, new Browserless(), waiting.user_code, person);
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, { ...waiting, interval: 0.01 }, { resource: API });
    expect(tokens.scope).toBe('orders:read');
    expect(tokens.claims()?.sub).toBe(person.account.id);
    const refreshed = await oidc.refreshTokenGrant(config, String(tokens.refresh_token), { resource: API });
    expect(refreshed.scope).toBe('orders:read');
  });

  test('one device code gives tokens once, also when 20 questions come at the same moment; the others end what was given', async () => {
    const person = await createPerson(server);
    const { deviceCode, userCode } = await device.ask();
    await approve(server, new Browserless(), userCode, person);
    const answers = await Promise.all(Array.from({ length: 20 }, () => device.tryOnce(deviceCode)));
    const won = answers.filter(({ status }) => status === 200);
    expect(won).toHaveLength(1);
    expect(new Set(answers.filter(({ status }) => status !== 200).map(({ error }) => error))).toEqual(new Set(['invalid_grant']));
    const authorization = `Bearer ${String(won[0]?.body.access_token)}`;
    expect((await fetch(`${server.url}/userinfo`, { headers: { authorization } })).status).toBe(401);
  });

  test('that asks too often is told to slow down, and is answered at once when somebody has decided', async () => {
    const person = await createPerson(server);
    const { deviceCode, userCode } = await device.ask();
    later(0);
    const asked = [await device.tryOnce(deviceCode), await device.tryOnce(deviceCode)];
    expect(asked.map(({ error }) => error)).toEqual(['authorization_pending', 'slow_down']);
    later(5);
    expect(await device.tryOnce(deviceCode)).toMatchObject({ error: 'authorization_pending' });
    await approve(server, new Browserless(), userCode, person);
    expect((await device.poll(deviceCode)).access_token).toBeDefined();
  });

  test('polls leave nothing in the audit log while it waits', async () => {
    const { deviceCode } = await device.ask();
    for (let round = 0; round < 3; round += 1) await device.tryOnce(deviceCode);
    const where = { type: 'token.refused', detail: { contains: 'authorization_pending' } };
    expect(await server.services.db.client.auditEvent.count({ where })).toBe(0);
  });

  test('whose code ran out is told so, and so is its person', async () => {
    const { deviceCode, userCode } = await device.ask();
    later(601);
    expect(await device.tryOnce(deviceCode)).toMatchObject({ status: 400, error: 'expired_token' });
    const browser = new Browserless();
    const page = await browser.submit(await browser.open(`${server.url}/device`), '/device', { user_code: userCode });
    expect(page.status).toBe(400);
    expect(titleOf(page)).toContain('This code has expired');
  });

  test.each([
    ['on the page that shows what it asks', 'confirmation'],
    ['instead of signing in', 'sign-in'],
    ['when asked for consent', 'consent'],
  ])('that its person refuses %s is told access_denied', async (_title, where) => {
    const person = await createPerson(server);
    const { deviceCode, userCode } = await device.ask();
    const browser = new Browserless();
    const entered = await browser.submit(await browser.open(`${server.url}/device`), '/device', { user_code: userCode });
    let page = await browser.submit(entered, '/device', where === 'confirmation' ? { abort: 'yes' } : { confirm: 'yes' });
    if (where === 'sign-in') page = await browser.submit(page, '/cancel');
    if (where === 'consent') page = await consent(browser, await signIn(browser, page, person), 'cancel');
    expect([page.status, titleOf(page)]).toEqual([200, expect.stringContaining('Nothing was signed in')]);
    expect(await device.tryOnce(deviceCode)).toMatchObject({ status: 400, error: 'access_denied' });
    expect((await enterCodeOnly(browser, userCode)).body).toContain('used already');
  });

  const enterCodeOnly = async (browser: Browserless, userCode: string) =>
    browser.submit(await browser.open(`${server.url}/device`), '/device', { user_code: userCode });

  test('a code that is being approved in one browser cannot be refused from another that saw it before', async () => {
    const person = await createPerson(server);
    const { deviceCode, userCode } = await device.ask();
    const [approving, refusing] = [new Browserless(), new Browserless()];
    const seen = await enterCodeOnly(refusing, userCode);
    const asked = await signIn(approving, await enterCode(server, approving, userCode), person);
    expect((await refusing.submit(seen, '/device', { abort: 'yes' })).status).toBe(400);
    expect(titleOf(await consent(approving, asked))).toContain('Your device is signed in');
    expect((await device.poll(deviceCode)).access_token).toBeDefined();
  });

  test('the code survives small letters, spaces and no dash, and the address with the code leads to the same confirmation', async () => {
    const { userCode, answer } = await device.ask();
    const browser = new Browserless();
    const typed = await enterCodeOnly(browser, ` ${userCode.toLowerCase().replace('-', ' ')} `);
    expect(typed.body).toContain(userCode);
    const forwarded = await browser.open(String(answer.verification_uri_complete));
    const confirmation = await browser.submit(forwarded, '/device');
    expect(titleOf(confirmation)).toContain('Sign in to Example Television on a device?');
    expect(confirmation.body).toContain('Did somebody send you this code?');
  });

  test('is let in by another person than the one who was signed in, if that is who signs in on the consent page', async () => {
    const [first, second] = [await createPerson(server), await createPerson(server)];
    const { deviceCode, userCode } = await device.ask();
    const browser = new Browserless();
    const asked = await signIn(browser, await enterCode(server, browser, userCode), first);
    const forward = await signIn(browser, await browser.submit(asked, '/switch'), second);
    const done = await consent(browser, await browser.submit(forward, '/logout/confirm'));
    expect(titleOf(done)).toContain('Your device is signed in');
    const { access_token: token } = await device.poll(deviceCode);
    const userinfo = await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
    expect(await userinfo.json()).toMatchObject({ sub: second.account.id });
  });

  test('opening the address with the code decides nothing, whoever opens it', async () => {
    const { deviceCode, answer } = await device.ask();
    await new Browserless().open(String(answer.verification_uri_complete));
    expect(await device.tryOnce(deviceCode)).toMatchObject({ error: 'authorization_pending' });
  });

  test('a form that another site sends changes nothing', async () => {
    const { deviceCode, userCode } = await device.ask();
    const forged = { user_code: userCode, confirm: 'yes', xsrf: 'x' };
    const stranger = await new Browserless().post(`${server.url}/device`, forged);
    expect([stranger.status, titleOf(stranger)]).toEqual([400, expect.stringContaining('blocks our cookies')]);
    const browser = new Browserless();
    await browser.open(`${server.url}/device`);
    const page = await browser.post(`${server.url}/device`, forged);
    expect([page.status, page.body]).toEqual([400, expect.stringContaining('open for too long')]);
    expect(await device.tryOnce(deviceCode)).toMatchObject({ error: 'authorization_pending' });
  });

  test.each(['/device/auth', '/device/unknown', '/device/a/b', '/device?user_code=A&user_code=B', '/device?user_code[]=%00'])(
    'a hostile address is answered below 500: %s',
    async (path) => {
      const page = await new Browserless().open(server.url + path);
      expect(page.status).toBeLessThan(500);
      const post = await new Browserless().post(server.url + path, { user_code: 'x'.repeat(30_000), confirm: '1' });
      expect(post.status).toBeLessThan(500);
    },
  );

  test('the last page, loaded again, says that it is finished', async () => {
    const person = await createPerson(server);
    const { userCode } = await device.ask();
    const browser = new Browserless();
    const done = await approve(server, browser, userCode, person);
    const again = await browser.open(done.url);
    expect([again.status, titleOf(again)]).toEqual([400, expect.stringContaining('This is already finished')]);
  });

  describe('is ended with everything of its person', () => {
    const waitingAndApproved = async () => {
      const person = await createPerson(server);
      const waiting = await device.ask();
      await approve(server, new Browserless(), waiting.userCode, person);
      return { person, ...waiting };
    };

    test.each([
      ['signing out everywhere', (accountId: string) => server.services.sessions.endAll(accountId)],
      ['a disabled account', (accountId: string) => server.services.identity.accounts.disable(accountId)],
      ['withdrawn consent', (accountId: string) => server.services.grants.revokeByAccountAndClient(accountId, 'television')],
    ])('%s: before the device has asked, and after', async (_what, end) => {
      const before = await waitingAndApproved();
      await end(before.person.account.id);
      expect(await device.tryOnce(before.deviceCode)).toMatchObject({ status: 400, error: 'invalid_grant' });

      const after = await waitingAndApproved();
      const tokens = await device.poll(after.deviceCode);
      await end(after.person.account.id);
      const authorization = `Bearer ${tokens.access_token}`;
      expect((await fetch(`${server.url}/userinfo`, { headers: { authorization } })).status).toBe(401);
    });

    test('signing out everywhere while the person reads the consent page leaves the device nothing', async () => {
      const person = await createPerson(server);
      const { deviceCode, userCode } = await device.ask();
      const browser = new Browserless();
      const asked = await signIn(browser, await enterCode(server, browser, userCode), person);
      await server.services.sessions.endAll(person.account.id);
      const refused = await consent(browser, asked);
      expect(refused.status).toBe(400);
      expect((await device.tryOnce(deviceCode)).status).toBe(400);
    });
  });

  test('devices let in from one browser are signed in apart: ending one ends neither the other nor the browser', async () => {
    const person = await createPerson(server);
    const browser = new Browserless();
    const letIn = async () => {
      const { deviceCode, userCode } = await device.ask();
      await approve(server, browser, userCode, person);
      return device.poll(deviceCode);
    };
    const [bedroom, kitchen] = [await letIn(), await letIn()];
    await fetch(`${server.url}/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: 'television', token: String(bedroom.refresh_token) }),
    });
    const userinfo = ({ access_token }: { access_token: string }) =>
      fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${access_token}` } });
    expect((await userinfo(bedroom)).status).toBe(401);
    expect((await userinfo(kitchen)).status).toBe(200);
    const [session] = await server.services.sessions.list(person.account.id);
    expect(await server.services.sessions.end(String(session?.uid), { accountId: person.account.id })).toBe(true);
    expect((await userinfo(kitchen)).status).toBe(200);
  });

  test('another client has no use for the device code', async () => {
    const person = await createPerson(server);
    const { deviceCode, userCode } = await device.ask();
    await approve(server, new Browserless(), userCode, person);
    const stolen = await fetch(`${server.url}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`shop:${clients.shop.client_secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: deviceCode }),
    });
    expect([stolen.status, ((await stolen.json()) as { error: string }).error]).toEqual([400, 'invalid_request']);
    expect((await device.poll(deviceCode)).access_token).toBeDefined();
  });

  test('a client without the grant gets no code', async () => {
    const body = new URLSearchParams({ client_id: 'spa', scope: 'openid' });
    const response = await fetch(`${server.url}/device/auth`, { method: 'POST', body });
    expect(response.status).toBe(400);
  });
});
