import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { expectHardened, html, postForm, send } from '../support/raw-http.js';
import { createRelyingParty, obtainTokens, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let server: TestServer;
beforeAll(async () => {
  server = await startDeclaredServer();
});
afterAll(() => server?.close());

describe('cookies', () => {
  test('on http carry HttpOnly and SameSite=Lax, each with a path of its own where it needs one', async () => {
    const { browser } = await obtainTokens(server, await createRelyingParty(server, 'shop'));
    expect(browser.received.length).toBeGreaterThan(4);
    for (const line of browser.received) {
      expect(line).toMatch(/httponly/i);
      expect(line).toMatch(/samesite=lax/i);
      expect(line).not.toMatch(/domain=/i);
    }
    expect(browser.received.find((line) => line.startsWith('interaction='))).toMatch(/path=\/interaction\//);
  });

  test('on https are Secure and carry the prefixes that browsers enforce, and HSTS is set', async () => {
    const secure = await startDeclaredServer({ env: { ISSUER_URL: 'https://login.example.com', TRUST_PROXY: 'loopback' } });
    try {
      const behindProxy = { ...html, host: 'login.example.com', 'x-forwarded-proto': 'https' };
      const local = { url: `http://localhost:${secure.config.port}` };
      const begun = await send(local, {
        path: '/authorize?client_id=shop&response_type=code&redirect_uri=https://shop.example.com/callback&scope=openid&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256',
        headers: behindProxy,
      });
      expect(begun.status).toBe(303);
      const lines = begun.headers['set-cookie'] ?? [];
      const login = await send(local, {
        path: String(begun.headers.location),
        headers: { ...behindProxy, cookie: lines.map((line) => line.split(';')[0]).join('; ') },
      });
      expect(login.status).toBe(200);
      expectHardened(login);
      expect(login.headers['strict-transport-security']).toMatch(/max-age=\d{8}/);
      expect(login.headers['content-security-policy']).toContain('upgrade-insecure-requests');
      for (const line of [...lines, ...(login.headers['set-cookie'] ?? [])]) {
        expect(line).toMatch(/; secure/i);
        expect(line).toMatch(/; httponly/i);
        expect(line).toMatch(/; samesite=lax/i);
        expect(line).not.toMatch(/domain=/i);
        expect(line).toMatch(/^__(Host|Secure)-/);
        if (line.startsWith('__Host-')) expect(line).toMatch(/; path=\/(;|$)/i);
      }
      const discovery = await send(local, { path: '/.well-known/openid-configuration', headers: behindProxy });
      expect(JSON.parse(discovery.body).token_endpoint).toBe('https://login.example.com/token');
      // Over plain http past the proxy, or under another name, nobody gets in.
      for (const headers of [
        { host: 'login.example.com', 'x-forwarded-proto': 'http' },
        { host: 'login.example.com' },
        { host: `localhost:${secure.config.port}` },
      ]) {
        const answer = await postForm(local, '/token', {}, headers);
        expect(answer.status).toBe(421);
      }
      expect((await send(local, { path: '/readyz' })).status).toBe(200);
    } finally {
      await secure.close();
    }
  });

  test('a browser that keeps none is told so on the sign-in page', async () => {
    const browser = new Browserless();
    const begun = await browser.request(`${server.url}/account`);
    const login = await send(server, { path: new URL(String(begun.headers.get('location')), server.url).pathname, headers: html });
    expectHardened(login);
    expect(login.status).toBeLessThan(500);
  });
});
