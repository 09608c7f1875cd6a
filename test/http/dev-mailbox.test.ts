import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Browserless } from '../support/browserless.js';
import { startTestServer, type TestServer } from '../support/server.js';

const MAIL = {
  from: 'Latchkey <no-reply@localhost>',
  to: 'ada@example.com',
  subject: 'Hello <script>alert(1)</script>',
  text: 'Open https://example.com/verify?token=abc and nothing else.\njavascript:alert(1)',
  html: '<!doctype html><html><head><title>Hello</title></head><body><p>Hello</p><script>alert(1)</script></body></html>',
};

describe('the development mailbox', () => {
  let server: TestServer;
  const browser = new Browserless();
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.close());
  beforeEach(() => server.services.mailer.mailbox?.clear());

  const keep = async () => (await server.services.mailer.mailbox?.keep(MAIL)) ?? '';
  const get = (path: string) => browser.request(`${server.url}/dev/mailbox${path}`);

  it('lists mails and shows one with its links, hostile words staying words', async () => {
    const id = await keep();
    const list = await get('');
    expect(list.status).toBe(200);
    expect(list.body).toContain(`href="/dev/mailbox/${id}"`);
    expect(list.body).toContain('ada@example.com');
    const mail = await get(`/${id}`);
    expect(mail.status).toBe(200);
    expect(mail.body).toContain('href="https://example.com/verify?token=abc"');
    expect(mail.body).not.toContain('href="javascript:');
    for (const { body } of [list, mail]) expect(body).not.toContain('<script>alert');
  });

  it('serves the mail’s own HTML where it can run nothing, load nothing and be framed by this server only', async () => {
    const { status, headers, body } = await get(`/${await keep()}/html`);
    expect(status).toBe(200);
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups allow-popups-to-escape-sandbox; frame-ancestors 'self'",
    );
    expect(headers.get('x-frame-options')).toBeNull();
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toContain('<base target="_blank">');
  });

  it('keeps every other page out of frames', async () => {
    const { headers } = await get(`/${await keep()}`);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
  });

  it.each([
    '/nothing',
    '/nothing/html',
    '/..%2f..%2fkeys%2fkey',
    '/%00',
    '/0000000000000-000000-aaaaaaaa',
    `/${'9'.repeat(4000)}`,
    '/%E0%A4%A',
  ])('has no mail at %s', async (path) => {
    const page = await get(path);
    expect(page.status).toBeGreaterThanOrEqual(400);
    expect(page.status).toBeLessThan(500);
  });

  it('is emptied by its own form only', async () => {
    await keep();
    const clear = (fields: Record<string, string>) =>
      browser.request(`${server.url}/dev/mailbox/clear`, {
        method: 'POST',
        body: new URLSearchParams(fields).toString(),
        headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'https://evil.example' },
      });
    expect((await clear({})).status).toBe(403);
    expect((await get('')).body).toContain('ada@example.com');
    const page = await browser.submit(await get(''), '/clear');
    expect(page.status).toBe(200);
    expect(page.body).toContain('No mail yet.');
  });

  it('opens the links of a real mail', async () => {
    const page = await browser.open(`${server.url}/forgot`);
    await server.services.identity.accounts.create({ email: 'grace@example.com', verified: true });
    await browser.submit(page, '/forgot', { email: 'grace@example.com' });
    const [link] = await server.linksTo('grace@example.com');
    const [, href = ''] = /href="(\/dev\/mailbox\/\d[^"]*)"/.exec((await get('')).body) ?? [];
    expect((await browser.request(`${server.url}${href}`)).body).toContain(link);
    expect((await browser.open(link ?? '')).status).toBe(200);
  });
});

describe('in production', () => {
  it('there is no mailbox page at all', async () => {
    const production = await startTestServer({
      env: {
        LATCHKEY_ENV: 'production',
        ISSUER_URL: 'https://login.example.com',
        SMTP_URL: 'smtp://127.0.0.1:1',
        TRUST_PROXY: 'loopback',
      },
    });
    try {
      const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-host': 'login.example.com', accept: 'text/html' };
      for (const path of ['/dev/mailbox', '/dev/mailbox/1', '/dev/mailbox/1/html'])
        expect((await fetch(`http://localhost:${production.config.port}${path}`, { headers })).status).toBe(404);
    } finally {
      await production.close();
    }
  });
});
