/** "Why was this refused?": each mistake that integrators make, what is told of it, and that no secret is in it. */
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { besideServer, type CommandLine } from '../support/command-line.js';
import { databases } from '../support/database.js';
import { API, clients } from '../support/declarations.js';
import { consent, createPerson, signIn } from '../support/people.js';
import { createRelyingParty, locationOf, type RelyingParty, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const { shop } = clients;
const CALLBACK = shop.redirect_uris[0] as string;

type Comparison = { what: string; expected: string; received: string };
type Explained = { error: string; told: string; reason: string; client_id: string | null; comparisons: Comparison[]; hints: string[] };

describe.each(databases)('a refusal is explained on %s', (provider) => {
  let server: TestServer;
  let latchkey: CommandLine;
  let party: RelyingParty;
  let browser: Browserless;
  beforeAll(async () => {
    server = await startDeclaredServer({ provider });
    latchkey = besideServer(server.config);
    party = await createRelyingParty(server, 'shop');
    // Somebody who is signed in and has allowed the application everything.
    browser = new Browserless();
    const person = await createPerson(server);
    const { url } = await party.begin();
    await consent(browser, await signIn(browser, await browser.open(url.href), person));
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => server?.close());

  const basic = (id = shop.client_id, secret = shop.client_secret) => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const post = (path: string, fields: Record<string, string>, headers: Record<string, string> = { authorization: basic() }) =>
    fetch(server.url + path, { method: 'POST', headers, body: new URLSearchParams(fields) });
  async function explain(id: string | null | undefined): Promise<Explained> {
    if (!id) throw new Error('the answer carries no id');
    await server.services.explanations.flush();
    return latchkey.json(['explain', id]);
  }
  const explainAnswer = async (answer: Response | Promise<Response>) => explain((await answer).headers.get('x-explain-id'));
  const comparison = (explained: Explained, what: string) => explained.comparisons.find((each) => each.what === what);
  async function obtainCode() {
    const { url, checks } = await party.begin();
    const code = locationOf(await browser.open(url.href)).searchParams.get('code') ?? '';
    return { code, verifier: checks.pkceCodeVerifier };
  }
  const redeem = async (changes: Record<string, string> = {}, headers?: Record<string, string>) => {
    const { code, verifier } = await obtainCode();
    return post('/token', { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: CALLBACK, ...changes }, headers);
  };
  const authorize = async (changes: Record<string, string>, by = browser) => {
    const { url } = await party.begin(changes);
    return by.open(url.href);
  };

  it.each([
    [`${CALLBACK}/`, /slash at the end/],
    [CALLBACK.replace('https', 'http'), /scheme/],
    [CALLBACK.toUpperCase().replace('HTTPS', 'https'), /upper and lower case/],
    [`${CALLBACK}?code=a-secret-in-a-query`, /query/],
    ['https://shop.example.com/other', /path/],
  ])('a redirect URI that is not registered: %s', async (received, hint) => {
    const page = await authorize({ redirect_uri: received });
    expect(page.status).toBe(400);
    const id = page.headers.get('x-explain-id') ?? '';
    expect(page.body).toContain(id);
    const explained = await explain(id);
    expect(explained).toMatchObject({ error: 'invalid_redirect_uri', client_id: 'shop' });
    expect(comparison(explained, 'redirect_uri')).toEqual({
      what: 'redirect_uri',
      expected: CALLBACK,
      received: received.replace(/=.*/, '=…'),
    });
    expect(explained.hints.join()).toMatch(hint);
  });

  it('a scope, a resource and a prompt that do not fit, in the redirect to the application as well', async () => {
    const scope = locationOf(await authorize({ scope: 'openid profile roles' }));
    const [, id] = /\(explain (\S+)\)$/.exec(scope.searchParams.get('error_description') ?? '') ?? [];
    expect(scope.searchParams.get('error')).toBe('invalid_scope');
    expect(comparison(await explain(id), 'scope that is not allowed')).toMatchObject({ received: 'roles' });
    const { worker } = clients;
    const asked = { grant_type: 'client_credentials', scope: 'roles' };
    const unknownScope = await explainAnswer(post('/token', asked, { authorization: basic(worker.client_id, worker.client_secret) }));
    expect(comparison(unknownScope, 'scope that is not allowed')).toMatchObject({ received: 'roles' });
    expect(comparison(unknownScope, 'scope')?.expected).toContain('orders:read');

    const resource = await authorize({ resource: 'https://api.example.com/' });
    const target = await explain(resource.headers.get('x-explain-id'));
    expect(target.error).toBe('invalid_target');
    expect(comparison(target, 'resource')).toMatchObject({ expected: expect.stringContaining(API), received: 'https://api.example.com/' });

    const silent = await explain((await authorize({ prompt: 'none' }, new Browserless())).headers.get('x-explain-id'));
    expect(silent.error).toBe('login_required');
    expect(comparison(silent, 'session')).toMatchObject({ expected: expect.stringContaining('signed in'), received: 'no session cookie' });
    expect(comparison(silent, 'prompt')?.received).toContain('prompt=none');

    const noPkce = await explain((await authorize({ code_challenge: '', code_challenge_method: '' })).headers.get('x-explain-id'));
    expect(comparison(noPkce, 'code_challenge')?.expected).toContain('S256');
    const unknown = await explain((await authorize({ client_id: 'shopp' })).headers.get('x-explain-id'));
    expect(comparison(unknown, 'client_id')).toMatchObject({ expected: 'one that is registered', received: 'shopp' });
  });

  it('a wrong or missing PKCE verifier, and another redirect URI at the token endpoint', async () => {
    const wrong = await explainAnswer(redeem({ code_verifier: 'w'.repeat(43) }));
    expect(wrong).toMatchObject({ error: 'invalid_grant', client_id: 'shop' });
    const { expected = '', received = '' } = comparison(wrong, 'code_verifier') ?? {};
    expect(expected).toMatch(/SHA-256 is [\w-]{8}…/);
    expect(received).toMatch(/SHA-256 is [\w-]{8}…/);
    expect(received).not.toBe(expected);
    const { code } = await obtainCode();
    const missing = await explainAnswer(post('/token', { grant_type: 'authorization_code', code, redirect_uri: CALLBACK }));
    expect(comparison(missing, 'code_verifier')?.received).toBe('none');
    const uri = await explainAnswer(redeem({ redirect_uri: `${CALLBACK}/` }));
    expect(comparison(uri, 'redirect_uri')).toEqual({ what: 'redirect_uri', expected: CALLBACK, received: `${CALLBACK}/` });
  });

  it('a code that is too old, used twice, or not one', async () => {
    const { code, verifier } = await obtainCode();
    const fields = { grant_type: 'authorization_code', code, code_verifier: verifier, redirect_uri: CALLBACK };
    expect((await post('/token', fields)).status).toBe(200);
    const twice = await explainAnswer(post('/token', fields));
    expect(comparison(twice, 'authorization code')).toMatchObject({
      expected: 'used once',
      received: expect.stringMatching(/used before/),
    });
    const late = await obtainCode();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 60_000 });
    const expired = await explainAnswer(post('/token', { ...fields, code: late.code, code_verifier: late.verifier }));
    expect(comparison(expired, 'authorization code')).toMatchObject({
      expected: expect.stringMatching(/used before \d{4}-/),
      received: expect.stringMatching(/used at \d{4}-/),
    });
    const none = await explainAnswer(post('/token', { ...fields, code: 'never-given-to-anybody' }));
    expect(comparison(none, 'authorization code')?.received).toContain('not known');
  });

  it('a client that authenticates in another way, with another secret, or is none; and a grant it may not use', async () => {
    const other = await redeem({ client_id: 'shop' }, {});
    const wrongWay = await explainAnswer(other);
    expect(comparison(wrongWay, 'client authentication')).toMatchObject({ expected: 'client_secret_basic', received: 'none' });
    const secret = await explainAnswer(redeem({}, { authorization: basic('shop', 'a-wrong-secret-that-is-a-canary') }));
    expect(comparison(secret, 'client_secret')?.received).toContain('another one');
    const nobody = await explainAnswer(redeem({}, { authorization: basic('shopp') }));
    expect(comparison(nobody, 'client_id')).toMatchObject({ received: 'shopp' });
    const exchanged = await explainAnswer(redeem({}, { authorization: basic('Zk3vQ9mXw7LpD4rT8hsB6nYfJc2FgR5tWaUe1oNi0Ks', 'shop') }));
    expect(comparison(exchanged, 'client_id')).toMatchObject({ received: 'Zk3vQ9mX… (43 characters)' });
    const grant = await explainAnswer(post('/token', { grant_type: 'client_credentials' }));
    expect(comparison(grant, 'grant_type')).toMatchObject({
      expected: 'authorization_code, refresh_token',
      received: 'client_credentials',
    });
    const introspecting = await post(
      '/introspect',
      { token: 'a-token-that-is-a-canary' },
      { authorization: basic('shop', 'wrong-secret') },
    );
    expect((await explainAnswer(introspecting)).error).toBe('invalid_client');
    await server.services.audit.flush();
    expect(await server.services.db.client.auditEvent.count({ where: { type: 'client.refused', clientId: 'shop' } })).toBe(1);
  });

  it('an assertion of another issuer, for another audience, or by a clock that is wrong', async () => {
    const { privateKey, publicKey } = await generateKeyPair('ES256');
    const { client } = await server.services.clients.create(
      {
        ...{ client_name: 'Signer', redirect_uris: [], grant_types: ['client_credentials'], token_endpoint_auth_method: 'private_key_jwt' },
        jwks: { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256' }] },
      },
      { source: 'operator' },
    );
    const send = async (claims: Record<string, unknown>) => {
      const now = Math.floor(Date.now() / 1000);
      const jwt = await new SignJWT({
        iss: client.id,
        sub: client.id,
        aud: server.url,
        jti: `canary-${Math.random()}`,
        iat: now,
        exp: now + 60,
        ...claims,
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .sign(privateKey);
      const answer = await post(
        '/token',
        {
          grant_type: 'client_credentials',
          client_assertion: jwt,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
        {},
      );
      expect(answer.status).toBe(401);
      return explainAnswer(answer);
    };
    expect(comparison(await send({ iss: 'somebody-else' }), 'iss')).toMatchObject({ expected: client.id, received: 'somebody-else' });
    const audience = await send({ aud: 'https://other.example.com/token' });
    expect(comparison(audience, 'aud')).toMatchObject({
      expected: expect.stringContaining(server.url),
      received: 'https://other.example.com/token',
    });
    const now = Math.floor(Date.now() / 1000);
    const ahead = await send({ iat: now + 300, exp: now + 360 });
    expect(comparison(ahead, 'iat')?.expected).toMatch(/the time here, \d{4}-/);
    expect(ahead.hints.join()).toMatch(/(299|300|301) s ahead of/);
    const behind = await send({ iat: now - 300, exp: now - 240 });
    expect(behind.hints.join()).toMatch(/s behind/);
    expect(comparison(behind, 'exp')?.received).toMatch(/^\d{4}-/);
  });

  it('without any secret of the request, wherever it was put, at rest and when it is told', async () => {
    const canary = (name: string) => `canary-${name}-7hV2`;
    const answers = await Promise.all([
      post(
        '/token',
        {
          ...{
            grant_type: 'authorization_code',
            code: canary('code'),
            code_verifier: canary('verifier').padEnd(43, 'x'),
            scope: canary('code'),
          },
          ...{
            redirect_uri: `https://u:${canary('userinfo')}@shop.example.com/cb?code=${canary('query')}#${canary('fragment')}`,
            resource: canary('code'),
          },
        },
        { authorization: basic('shop', canary('basic')), cookie: `a=${canary('cookie')}` },
      ),
      post(
        '/token',
        { grant_type: 'refresh_token', refresh_token: canary('refresh'), client_id: 'till', client_secret: canary('post') },
        {},
      ),
      post('/token', { grant_type: canary('refresh'), refresh_token: canary('refresh') }),
      post(
        '/token',
        {
          grant_type: 'client_credentials',
          client_assertion: `e30.${Buffer.from(`{"sub":"shop","iss":"${canary('assertion')}"}`).toString('base64url')}.${canary('signature')}`,
          client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        },
        {},
      ),
      post('/introspect', { token: canary('token') }, { authorization: basic('shop', canary('basic2')) }),
      post('/par', { client_id: 'till', client_secret: canary('post2'), request: canary('request'), scope: canary('request') }, {}),
      fetch(`${server.url}/userinfo`, { headers: { authorization: `Bearer ${canary('bearer')}`, dpop: canary('dpop') } }),
      fetch(
        `${server.url}/authorize?client_id=shop&state=${canary('state')}&nonce=${canary('nonce')}&login_hint=${canary('hint')}&response_type=${canary('state')}&redirect_uri=${encodeURIComponent(CALLBACK)}`,
        { redirect: 'manual' },
      ),
      fetch(`${server.url}/logout?id_token_hint=${canary('idtoken')}&post_logout_redirect_uri=${canary('idtoken')}`, {
        headers: { accept: 'text/html' },
      }),
    ]);
    const told: string[] = [];
    for (const answer of answers) {
      const id = answer.headers.get('x-explain-id');
      expect({ url: answer.url, status: answer.status, id }).toMatchObject({
        id: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/),
      });
      told.push(JSON.stringify(await explain(id)), (await latchkey.run(['explain', id ?? ''])).stdout);
    }
    const rows = await server.services.db.client.explanation.findMany();
    const events = await server.services.db.client.auditEvent.findMany();
    const text = told.join('\n') + JSON.stringify([rows, events], (_key, value) => (typeof value === 'bigint' ? Number(value) : value));
    // What an assertion says of itself is compared and no secret; its signature is one.
    expect(text.replaceAll(canary('assertion'), '')).not.toMatch(/canary/);
  });

  it('for a page of ours, by an id of its own', async () => {
    const page = await fetch(`${server.url}/interaction/nothing-that-is-open`, { headers: { accept: 'text/html' } });
    const id = page.headers.get('x-explain-id');
    expect(await page.text()).toContain(id);
    expect(await explain(id)).toMatchObject({ error: expect.stringMatching(/^interaction\./) });
  });

  it('to nobody who has no id, and for a day only', async () => {
    const id = (await authorize({ redirect_uri: 'https://shop.example.com/a-day' })).headers.get('x-explain-id') ?? '';
    expect((await explain(` ${id.toLowerCase().replace('-', '')} `)).error).toBe('invalid_redirect_uri');
    expect((await latchkey.run(['explain', 'nothing'])).code).toBe(2);
    expect(await latchkey.run(['explain', '00000-00000'])).toMatchObject({ code: 1, stderr: expect.stringContaining('kept for a day') });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 });
    expect(await server.services.explanations.find(id)).toBeNull();
  });
});
