import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccount } from '../support/account-browser.js';
import { Browserless } from '../support/browserless.js';
import { startTestServer, type TestServer } from '../support/server.js';

const hrefsOf = (html: string) => [...html.matchAll(/<a [^>]*href="([^"]*)"/g)].map(([, href]) => href);

describe('the start page', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({ env: { DEMO: 'on' } });
  });
  afterAll(() => server.close());

  it('tells a developer what is there, and every link on this server leads somewhere', async () => {
    const browser = new Browserless();
    const page = await browser.open(`${server.url}/`);
    expect(page.status).toBe(200);
    const hrefs = hrefsOf(page.body);
    expect(hrefs).toEqual([
      '/account',
      '/register',
      'http://127.0.0.1:3001/',
      '/dev/mailbox',
      '/.well-known/openid-configuration',
      '/.well-known/jwks.json',
      '/docs',
    ]);
    expect(page.body).toContain(server.url);
    for (const href of hrefs.filter((each) => each?.startsWith('/'))) {
      const { status } = await new Browserless().open(`${server.url}${href}`);
      expect([href, status]).toEqual([href, 200]);
    }
  });

  it('knows who is signed in, and offers them no second account', async () => {
    const person = await openAccount(server);
    const page = await person.open('/');
    expect(page.body).toContain(person.email);
    expect(hrefsOf(page.body)).not.toContain('/register');
    expect(page.headers.get('cache-control')).toBe('no-store');
    await server.services.identity.accounts.disable(person.account.id);
    expect((await person.open('/')).body).not.toContain(person.email);
  });
});

describe('the start page in production', () => {
  it('names the installation and the way to one’s account, and nothing of the machinery', async () => {
    const production = await startTestServer({
      env: {
        LATCHKEY_ENV: 'production',
        ISSUER_URL: 'https://login.example.com',
        SMTP_URL: 'smtp://127.0.0.1:1',
        TRUST_PROXY: 'loopback',
        BRAND_NAME: 'Example & Sons',
        REGISTRATION: 'off',
      },
    });
    try {
      const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'login.example.com', accept: 'text/html' };
      const answer = await fetch(`http://localhost:${production.config.port}/`, { headers });
      const body = await answer.text();
      expect(answer.status).toBe(200);
      expect(body).toContain('Example &amp; Sons');
      expect(hrefsOf(body)).toEqual(['/account']);
      expect(body).not.toContain('127.0.0.1');
      expect(body).not.toContain('.well-known');
    } finally {
      await production.close();
    }
  });
});
