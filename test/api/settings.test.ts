/** What an installation decides about its JSON API. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { callApi, mailTokenTo } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startDeclaredServer } from '../support/relying-party.js';
import { startTestServer, type TestServer } from '../support/server.js';

const BODY = { email: 'ann@example.com', password: PASSWORD };

test('FIRST_PARTY_API=off takes the API away, with its documents', async () => {
  const server = await startTestServer({ env: { FIRST_PARTY_API: 'off' } });
  try {
    for (const path of ['/auth/login', '/v2/auth/login', '/v2/health', '/api/users', '/openapi.json', '/docs']) {
      for (const method of ['GET', 'POST'] as const) {
        const { status } = await callApi(server, method, path, {
          ...(method === 'POST' ? { body: BODY } : {}),
          headers: { accept: 'application/json' },
        });
        expect([method, path, status]).toEqual([method, path, 404]);
      }
    }
    expect((await fetch(`${server.url}/livez`)).status).toBe(200);
    // Nor are tokens given for it any more, to whomever.
    const { client } = await server.services.clients.create(
      { client_name: 'Ours', redirect_uris: ['https://ours.example.com/callback'], first_party: true },
      { source: 'operator' },
    );
    const asked = new URLSearchParams({
      ...{ client_id: client.id, redirect_uri: 'https://ours.example.com/callback', response_type: 'code', scope: 'openid account' },
      ...{ resource: `${server.url}/api`, code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM', code_challenge_method: 'S256' },
    });
    const { headers } = await fetch(`${server.url}/authorize?${asked}`, { redirect: 'manual' });
    expect(headers.get('location')).toContain('error=invalid_target');
  } finally {
    await server.close();
  }
});

test('REQUIRE_VERIFIED_EMAIL=always asks for a confirmed address here too, and registers without tokens until then', async () => {
  const server = await startTestServer({ env: { REQUIRE_VERIFIED_EMAIL: 'always' } });
  try {
    const registered = await callApi(server, 'POST', '/v2/auth/register', { body: BODY });
    expect(registered.status).toBe(201);
    expect(registered.body.data).toMatchObject({
      account: { email: BODY.email, isVerified: false },
      token: null,
      refreshToken: null,
      expiresAt: null,
    });
    const refused = await callApi(server, 'POST', '/auth/login', { body: BODY });
    expect([refused.status, refused.body.code]).toEqual([403, 'login.unverified']);
    const token = await mailTokenTo(server, BODY.email);
    expect((await callApi(server, 'POST', '/v2/auth/email/verify', { body: { token } })).body).toEqual({ data: { success: true } });
    expect((await callApi(server, 'POST', '/auth/login', { body: BODY })).status).toBe(200);
  } finally {
    await server.close();
  }
});

describe('pages of other origins', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startDeclaredServer({ env: { FIRST_PARTY_ORIGINS: 'https://app.example.org, http://localhost:5173' } });
  });
  afterAll(() => server?.close());
  const allowed = async (origin: string, path = '/auth/login') => {
    const preflight = await fetch(`${server.url}${path}`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization,content-type' },
    });
    expect(preflight.headers.get('vary')).toMatch(/\borigin\b/i);
    expect(preflight.headers.has('access-control-allow-credentials')).toBe(false);
    return preflight.headers.get('access-control-allow-origin');
  };

  test('may call when they are named, or are where a first-party client lives; nobody else may', async () => {
    for (const origin of ['https://app.example.org', 'http://localhost:5173', 'https://ours.example.com']) {
      expect(await allowed(origin)).toBe(origin);
    }
    // Registered, but somebody else's; and what only looks alike.
    for (const origin of ['https://shop.example.com', 'https://spa.example.com', 'null', 'https://ours.example.com.evil.example']) {
      expect([origin, await allowed(origin)]).toEqual([origin, null]);
    }
  });

  test('may as soon as their client is first-party, and no longer', async () => {
    await server.services.clients.update('till', { first_party: true });
    expect(await allowed('https://till.example.com', '/v2/auth/me')).toBe('https://till.example.com');
    await server.services.clients.update('till', { first_party: false });
    expect(await allowed('https://till.example.com')).toBeNull();
  });

  test('read answers and errors alike, and the document from anywhere', async () => {
    const headers = { origin: 'https://app.example.org' };
    const { email } = await createPerson(server);
    for (const [body, status] of [
      [{ email, password: PASSWORD }, 200],
      [{ email, password: 'wrong' }, 401],
      ['not json', 400],
    ] as const) {
      const answer = await callApi(server, 'POST', '/auth/login', { body, headers });
      expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([status, headers.origin]);
    }
    const document = await fetch(`${server.url}/openapi.json`, { headers: { origin: 'https://anybody.example' } });
    expect(document.headers.get('access-control-allow-origin')).toBe('*');
    const etag = document.headers.get('etag') ?? '';
    expect((await fetch(`${server.url}/openapi.json`, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });
});

test.each([
  '*',
  'null',
  'app.example.com',
  'https://app.example.com/',
  'https://app.example.com/path',
  'ftp://app.example.com',
  'HTTPS://App.example.com',
])('FIRST_PARTY_ORIGINS refuses %s at start, with what to write instead', (FIRST_PARTY_ORIGINS) => {
  expect(() => loadConfig({ FIRST_PARTY_ORIGINS })).toThrow(/FIRST_PARTY_ORIGINS .*write (scheme and host|https:\/\/app\.example\.com)/);
});

test('FIRST_PARTY_ORIGINS takes no page over plain http in production, but for one on this machine', () => {
  const faults = (FIRST_PARTY_ORIGINS: string) => {
    try {
      loadConfig({ LATCHKEY_ENV: 'production', FIRST_PARTY_ORIGINS });
      return '';
    } catch (error) {
      return String(error);
    }
  };
  expect(faults('https://app.example.com,http://app.example.com')).toMatch(/FIRST_PARTY_ORIGINS must be https in production/);
  expect(faults('https://app.example.com,http://localhost:5173')).not.toContain('FIRST_PARTY_ORIGINS');
});
