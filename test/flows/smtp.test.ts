import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import pino from 'pino';
import PostalMime from 'postal-mime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { pathOf } from '../support/account-browser.js';
import { Browserless } from '../support/browserless.js';
import { PASSWORD } from '../support/people.js';
import { startTestServer } from '../support/server.js';

const USER = 'latchkey@example.com';
/** With what a URL would read as its own. */
const SMTP_PASSWORD = 'p@ss:w/rd 1?#%';

type Taken = { user: string; from: string; to: string[]; raw: string };

async function startMailServer() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-smtp-'));
  const child = fork(path.resolve(import.meta.dirname, '../support/smtp-process.mjs'), {
    env: { PATH: process.env.PATH ?? '', SMTP_USER: USER, SMTP_PASSWORD, SMTP_FOLDER: folder },
    execArgv: [],
  });
  const gone = once(child, 'exit');
  const report = await Promise.race([once(child, 'message'), gone.then(([code]) => Promise.reject(new Error(`it ended with ${code}`)))]);
  const { port } = report[0] as { port: number };
  return {
    urlFor: (password: string) => `smtp://${encodeURIComponent(USER)}:${encodeURIComponent(password)}@127.0.0.1:${port}`,
    taken: (): Taken[] => readdirSync(folder).map((file) => JSON.parse(readFileSync(path.join(folder, file), 'utf8'))),
    async stop() {
      if (child.connected) child.disconnect();
      await gone;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const linksIn = (text: string) => text.replaceAll('&amp;', '&').match(/https?:\/\/[^\s"<]+token=[^\s"<]+/g) ?? [];

describe('a server that sends its mail through a mail server which asks who it is', () => {
  let close: (() => Promise<void>)[] = [];
  let logged: string[] = [];
  let mailServer: Awaited<ReturnType<typeof startMailServer>>;
  beforeEach(async () => {
    logged = [];
    mailServer = await startMailServer();
    close = [mailServer.stop];
  });
  afterEach(async () => {
    for (const end of close.reverse()) await end();
  });

  async function serve(smtpPassword: string) {
    const server = await startTestServer({
      env: { SMTP_URL: mailServer.urlFor(smtpPassword), MAIL_FROM: 'Latchkey <no-reply@example.com>', BRAND_NAME: 'Grüße & Söhne' },
      log: pino({ level: 'info' }, { write: (line) => void logged.push(line) }),
    });
    close.push(server.close);
    return server;
  }

  it('registers a person: the mail arrives as HTML and as text, and its link confirms the address', async () => {
    const server = await serve(SMTP_PASSWORD);
    const email = 'jane@example.org';
    const browser = new Browserless();
    const told = await browser.submit(await browser.open(`${server.url}/register`), '/register', {
      email,
      password: PASSWORD,
      first_name: 'Jané',
    });
    expect(told.status).toBe(200);
    expect(told.body).not.toContain('/dev/mailbox');
    await server.services.mailer.flush();

    const [mail, ...others] = mailServer.taken();
    expect(others).toEqual([]);
    expect(mail).toMatchObject({ user: USER, from: 'no-reply@example.com', to: [email] });
    const parsed = await PostalMime.parse(mail?.raw ?? '');
    expect(parsed.headers.find(({ key }) => key === 'content-type')?.value).toMatch(/^multipart\/alternative;/);
    expect(parsed.from).toMatchObject({ name: 'Latchkey', address: 'no-reply@example.com' });
    expect(parsed.to).toMatchObject([{ address: email }]);
    expect(parsed.subject).toBeTruthy();
    expect(parsed.attachments).toEqual([]);
    for (const part of [parsed.text, parsed.html?.replaceAll('&amp;', '&')]) expect(part).toContain('Grüße & Söhne');
    const [link = ''] = linksIn(parsed.text ?? '');
    expect(link.startsWith(`${server.url}/register/verify?token=`)).toBe(true);
    expect(new Set(linksIn(parsed.html ?? ''))).toEqual(new Set([link]));

    const { accounts } = server.services.identity;
    expect(await accounts.findByEmail(email)).toBeNull();
    const confirmed = await browser.submit(await browser.open(link), '/register/verify');
    expect(confirmed.status).toBe(200);
    expect((await accounts.findByEmail(email))?.emailVerifiedAt).toBeInstanceOf(Date);
    const account = await browser.open(`${server.url}/account`);
    expect([account.status, pathOf(account)]).toEqual([200, '/account']);
    expect(logged.join('\n')).not.toContain(new URL(link).searchParams.get('token'));
  });

  it('registers a person all the same while the mail server refuses it; the log says why, and no secret', async () => {
    const wrong = 'WRONG-SMTP-PASSWORD';
    const server = await serve(wrong);
    const browser = new Browserless();
    const told = await browser.submit(await browser.open(`${server.url}/register`), '/register', {
      email: 'joe@example.org',
      password: PASSWORD,
    });
    expect(told.status).toBe(200);
    await expect.poll(() => logged.join('\n'), { timeout: 10_000 }).toContain('EAUTH 535');
    expect(mailServer.taken()).toEqual([]);
    for (const secret of [wrong, 'joe@example.org', 'token=', PASSWORD]) expect(logged.join('\n')).not.toContain(secret);
  });
});
