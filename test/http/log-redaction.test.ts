import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/platform/log/index.js';
import { redactText, redactValue } from '../../src/platform/log/redaction.js';
import { Browserless } from '../support/browserless.js';
import { API, clients, declare } from '../support/declarations.js';
import { createDpopKey } from '../support/dpop.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { createRelyingParty, locationOf, obtainTokens } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('a log line', () => {
  it('loses secrets by their names however deep, and by their looks wherever they stand', () => {
    const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl';
    const error = Object.assign(
      new Error(`fetching https://a.example/cb?code=abc123&x=1 with Bearer ${jwt} failed`, { cause: { Set_Cookie: ['s=1'] } }),
      {
        code: 'ECONNREFUSED',
        config: { a: { b: { c: { clientSecret: 'hush', url: 'postgresql://u:hush@db/x' } } } },
      },
    );
    const text = JSON.stringify(
      redactValue({ err: error, list: [{ 'X-API-Key': 'hush' }], code: 'hush-hush', nested: { code: 'login.disabled' } }),
    );
    for (const secret of ['abc123', jwt, 's=1', 'hush']) expect(text).not.toContain(secret);
    for (const kept of ['ECONNREFUSED', 'login.disabled', 'a.example', 'x=1', 'log-redaction.test']) expect(text).toContain(kept);
    expect(redactText('nothing to hide: /authorize 200')).toBe('nothing to hide: /authorize 200');
  });
});

describe('every kind of secret, sent to every endpoint, right and wrong', () => {
  let server: TestServer;
  let declared: ReturnType<typeof declare>;
  const lines: string[] = [];
  /** what must be nowhere, by what it is */
  const secrets = new Map<string, string>();
  const secret = (kind: string, value: string | null | undefined): string => {
    expect(value, kind).toBeTruthy();
    secrets.set(kind, String(value));
    return String(value);
  };
  beforeAll(async () => {
    declared = declare();
    const stream = { write: (line: string) => void lines.push(line) };
    server = await startTestServer({
      env: { ...declared.env, SLOW_QUERY_MS: '1' },
      log: createLogger({ level: 'trace', format: 'json', stream }),
    });
  });
  afterAll(async () => {
    await server?.close();
    declared?.remove();
  });

  const form = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, { method: 'POST', body: new URLSearchParams(fields), headers, redirect: 'manual' });
  const json = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json', ...headers },
    });
    return (await response.json().catch(() => ({}))) as Record<string, unknown>;
  };
  const basic = (id: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${id}:${password}`).toString('base64')}` });

  it('passes through the server in all its ways', async () => {
    const shopSecret = secret('client secret', clients.shop.client_secret);
    secret('password', PASSWORD);
    const wrong = secret('wrong password', 'a-wrong-password-that-somebody-typed-7Q');
    const { email } = await createPerson(server);
    const shop = await createRelyingParty(server, 'shop');

    // A sign-in on the pages: a wrong password, then the right one.
    const browser = new Browserless();
    const { url, checks } = await shop.begin({
      scope: 'openid profile email offline_access orders:read',
      resource: API,
      prompt: 'consent',
    });
    secret('code verifier', checks.pkceCodeVerifier);
    secret('state', checks.expectedState);
    secret('nonce', checks.expectedNonce);
    let page = await browser.open(url.href);
    page = await browser.submit(page, '/login', { identifier: email, password: wrong });
    page = await browser.submit(page, '/login', { identifier: email, password: PASSWORD });
    page = await browser.submit(page, '/consent', { decision: 'allow' });
    const code = secret('authorization code', locationOf(page).searchParams.get('code'));
    for (const jar of browser.cookies.values()) for (const [name, { value }] of jar) if (value.length > 15) secret(`cookie ${name}`, value);
    await form(
      '/token',
      { grant_type: 'authorization_code', code, redirect_uri: shop.redirectUri, code_verifier: 'x'.repeat(43) },
      basic('shop', wrong),
    );
    const tokens = await shop.finish(locationOf(page), checks, { resource: API });
    secret('JWT access token', tokens.access_token);
    secret('refresh token', tokens.refresh_token);
    secret('ID token', tokens.id_token);
    // The code again, the verifier again.
    await form(
      '/token',
      { grant_type: 'authorization_code', code, redirect_uri: shop.redirectUri, code_verifier: checks.pkceCodeVerifier },
      basic('shop', shopSecret),
    );
    const opaque = await obtainTokens(server, shop, { parameters: { scope: 'openid email' } });
    secret('opaque access token', opaque.tokens.access_token);

    // Everything that takes a token, right and wrong.
    for (const token of [tokens.access_token, opaque.tokens.access_token, tokens.refresh_token ?? '', tokens.id_token ?? '']) {
      await form('/introspect', { token }, basic('shop', shopSecret));
      await form('/introspect', { token }, basic('shop', wrong));
      await form('/token', { grant_type: 'refresh_token', refresh_token: token }, basic('shop', shopSecret));
      await form('/revoke', { token }, basic('shop', shopSecret));
      await fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${token}` } });
      await fetch(`${server.url}/auth/me`, { headers: { authorization: `Bearer ${token}` } });
      await fetch(`${server.url}/logout?id_token_hint=${token}&state=${checks.expectedState}`, { redirect: 'manual' });
      await fetch(`${server.url}/no/such/page?access_token=${token}`);
    }
    const [dpopKey, assertion] = [
      await createDpopKey(),
      `eyJhbGciOiJFUzI1NiJ9.${Buffer.from('{"iss":"shop"}').toString('base64url')}.c2lnbmVkLWJ5LW5vYm9keQ`,
    ];
    secret('client assertion', assertion);
    const proof = secret('DPoP proof', await dpopKey.prove(`${server.url}/token`));
    await form('/token', { grant_type: 'client_credentials' }, { ...basic('shop', shopSecret), dpop: proof });
    await form('/token', {
      ...{ grant_type: 'client_credentials', client_id: 'shop', client_assertion: assertion },
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    });
    await form('/par', { client_id: 'shop', request: assertion, code_challenge: 'x' }, basic('shop', shopSecret));
    await fetch(`${server.url}/authorize?client_id=shop&request=${assertion}&id_token_hint=${tokens.id_token}`, { redirect: 'manual' });
    const device = (await (await form('/device/auth', { client_id: 'shop', client_secret: shopSecret, scope: 'openid' })).json()) as Record<
      string,
      string
    >;
    if (device.device_code) {
      secret('device code', device.device_code);
      secret('user code', device.user_code);
      await form(
        '/token',
        { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: device.device_code },
        basic('shop', shopSecret),
      );
      await fetch(`${server.url}/device?user_code=${device.user_code}`);
    }

    // Our own API: registration, mails, sign-in, keys.
    const password = secret('registered password', 'a-password-for-the-api-8H2k');
    await json('/auth/register', { email: 'eve@example.com', password });
    const links = await server.linksTo('eve@example.com');
    for (const link of links) secret('token of a mail', new URL(link).searchParams.get('token'));
    for (const link of links) await json('/auth/email/verify', { token: new URL(link).searchParams.get('token') });
    for (const link of links) await fetch(`${link}x`);
    const session = await json('/auth/login', { email: 'eve@example.com', password });
    secret('API access token', String(session.access_token));
    secret('API refresh token', String(session.refresh_token));
    await json('/auth/login', { email: 'eve@example.com', password: wrong });
    await json('/auth/login', { email: { password: wrong }, password: [wrong] });
    const bearer = { authorization: `Bearer ${session.access_token}` };
    const made = await json('/auth/api-keys', { name: 'export', permissions: [] }, bearer);
    const apiKey = [made.key, made.value, made.secret, made.api_key].find((each) => typeof each === 'string');
    if (apiKey) await fetch(`${server.url}/auth/me`, { headers: { 'x-api-key': secret('API key', String(apiKey)) } });
    await fetch(`${server.url}/auth/me`, {
      headers: { 'x-api-key': secret('wrong API key', 'lk_wrong_key_that_somebody_sent_0123456789abcdef') },
    });
    await json('/auth/password-reset/request', { email: 'eve@example.com' });
    for (const link of await server.linksTo('eve@example.com'))
      secret(`token of a mail ${link.length}`, new URL(link).searchParams.get('token'));
    await json('/auth/refresh', { refresh_token: session.refresh_token });
    await json('/auth/refresh', { refresh_token: session.refresh_token });
    await json('/auth/logout', { refresh_token: session.refresh_token }, bearer);
    // A database that fails in the middle of it.
    const { client } = server.services.db;
    await client
      .$queryRawUnsafe(`SELECT * FROM no_such_table WHERE password = '${wrong}'`)
      .catch((err: unknown) => server.services.log.error({ err, password }, `failed with token=${code}`));
    await server.services.mailer.flush();
    expect(secrets.size).toBeGreaterThan(18);
  });

  it('a slow statement is told by its text, without its values, and counted', async () => {
    const count =
      'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT COUNT(*) AS many FROM n WHERE i <> ?';
    await server.services.db.client.$queryRawUnsafe(count, 4_242_424_242);
    const told = lines.filter((line) => line.includes('a statement was slow') && line.includes('WITH RECURSIVE'));
    expect(told).toHaveLength(1);
    expect(told[0]).not.toContain('4242424242');
    expect(await server.services.metrics.render()).toMatch(/^db_slow_queries_total [1-9]/m);
  });

  it('and stands in no line of the log, at any level', () => {
    const log = lines.join('');
    expect(log.length).toBeGreaterThan(10_000);
    for (const level of [30, 40, 50]) expect(log, `level ${level}`).toContain(`"level":${level}`);
    for (const [kind, value] of secrets) {
      expect(log.includes(value), kind).toBe(false);
      expect(log.includes(encodeURIComponent(value)), kind).toBe(false);
      if (value.length > 20)
        expect(log.includes(value.slice(0, 16)), `the beginning of ${kind}`).toBe(
          value.startsWith('eyJhbGciOiJ') ? log.includes('eyJhbGciOiJ') : false,
        );
    }
    expect(log).not.toContain('eyJhbGciOiJ');
  });

  it('and nowhere in the database, audit events among it', async () => {
    const { client } = server.services.db;
    const rows = await client.$queryRawUnsafe<{ name: string }[]>("SELECT name FROM sqlite_master WHERE type = 'table'");
    const audit = JSON.stringify(await client.auditEvent.findMany(), (_name, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    );
    const file = server.config.databaseUrl.slice('file:'.length);
    const bytes = ['', '-wal'].map((end) => readFileSync(`${file}${end}`)).map((each) => each.toString('latin1'));
    expect(rows.length).toBeGreaterThan(10);
    for (const [kind, value] of secrets) {
      expect(audit.includes(value), `${kind} in the audit`).toBe(false);
      for (const each of bytes) expect(each.includes(value), `${kind} in the file`).toBe(false);
    }
  });
});
