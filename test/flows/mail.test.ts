import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import type net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import PostalMime, { type Email } from 'postal-mime';
import { SMTPServer } from 'smtp-server';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMailer, type Mailer, type RenderMail } from '../../src/platform/mail/index.js';
import { freePort } from '../support/ports.js';

type Received = { from: string; to: string[]; mail: Email; raw: string };

/** A real SMTP server on a free port that keeps what it gets. */
async function startSmtp(port = 0) {
  const received: Received[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', async () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        const { mailFrom, rcptTo } = session.envelope;
        received.push({
          from: mailFrom ? mailFrom.address : '',
          to: rcptTo.map(({ address }) => address),
          mail: await PostalMime.parse(raw),
          raw,
        });
        done();
      });
    },
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.server.address() as net.AddressInfo;
  return {
    received,
    port: address.port,
    url: `smtp://127.0.0.1:${address.port}`,
    stop: () => new Promise<void>((resolve) => server.close(resolve)),
  };
}

const secretLink = 'http://localhost:3000/register/verify?token=SECRET-TOKEN';
const renderMail: RenderMail = (template, model) => ({
  subject: `${template} für ${model.name ?? model.email}`,
  html: `<p>Grüße, ${model.email}: <a href="${'url' in model ? model.url : ''}">open</a></p>`,
  text: `Grüße, ${model.email}: ${'url' in model ? model.url : ''}`,
});
const verification = (name?: string) =>
  ({ template: 'verify-email', data: { name, url: secretLink, validHours: 24, expiresAt: new Date() } }) as const;

describe('mail', () => {
  let folder: string;
  let logged: string[];
  let open: (() => Promise<void>)[];
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-mail-'));
    logged = [];
    open = [];
  });
  afterEach(async () => {
    for (const close of open.reverse()) await close();
    rmSync(folder, { recursive: true, force: true });
  });

  const write = (fields: object, message: string) => void logged.push(JSON.stringify({ ...fields, message }));
  function mailerFor(smtpUrl: string | undefined, queue = {}) {
    const mailer = createMailer({
      smtpUrl,
      from: 'Latchkey <no-reply@example.com>',
      mailboxDir: path.join(folder, 'mailbox'),
      renderMail,
      log: { warn: write, error: write },
      queue: { retryDelaysMs: [50, 50, 50], ...queue },
    });
    open.push(() => mailer.stop({ graceMs: 100 }));
    return mailer;
  }
  const smtp = async (port?: number) => {
    const server = await startSmtp(port);
    open.push(server.stop);
    return server;
  };
  const sendTo = (mailer: Mailer, to: string, name?: string) => mailer.send({ to, ...verification(name) });

  it('goes out by SMTP as HTML and as text, to one recipient, marked as automatic', async () => {
    const server = await smtp();
    const mailer = mailerFor(server.url);
    await sendTo(mailer, 'jane@example.org', 'Jané');
    await mailer.flush();
    expect(server.received).toHaveLength(1);
    const [{ from, to, mail, raw }] = server.received as [Received];
    expect(from).toBe('no-reply@example.com');
    expect(to).toEqual(['jane@example.org']);
    expect(mail.from).toMatchObject({ name: 'Latchkey', address: 'no-reply@example.com' });
    expect(mail.subject).toBe('verify-email für Jané');
    expect(mail.text).toContain(`Grüße, jane@example.org: ${secretLink}`);
    expect(mail.html).toContain(`href="${secretLink}"`);
    expect(mail.headers.find(({ key }) => key === 'auto-submitted')?.value).toBe('auto-generated');
    expect(raw).toMatch(/^Message-ID: <[^>]+@example\.com>/im);
  });

  it.each([
    'Eve\r\nBcc: victim@example.org',
    'Eve\nSubject: other\n\n<b>body</b>',
    'Eve\u2028X-Evil: 1',
    '"Eve" <victim@example.org>, ',
    '\0\x07Eve',
  ])('takes no header and no recipient from the name %j', async (name) => {
    const server = await smtp();
    const mailer = mailerFor(server.url);
    await sendTo(mailer, 'jane@example.org', name);
    await mailer.flush();
    const [{ to, mail }] = server.received as [Received];
    expect(to).toEqual(['jane@example.org']);
    expect(mail.bcc ?? []).toEqual([]);
    expect(mail.headers.map(({ key }) => key)).not.toContain('x-evil');
    expect(mail.headers.filter(({ key }) => key === 'subject')).toHaveLength(1);
    expect(mail.text).toContain('Grüße');
  });

  it.each([
    'jane@example.org\r\nBcc: victim@example.org',
    'jane@example.org, victim@example.org',
    'jane@example.org>\r\nRCPT TO:<victim@example.org',
    'Jane <jane@example.org>',
    'jane@example.org victim@example.org',
    'group: jane@example.org;',
    `${'a'.repeat(250)}@example.org`,
    '',
  ])('never leaves for the address %j, and the log does not repeat it', async (to) => {
    const server = await smtp();
    const mailer = mailerFor(server.url, { retryDelaysMs: [] });
    await sendTo(mailer, to);
    await mailer.flush();
    expect(server.received).toEqual([]);
    expect(logged.join()).toContain('given up');
    expect(logged.join()).not.toContain('victim');
  });

  it('neither waits for a mail server that is down nor writes a secret to the log', async () => {
    const port = await freePort();
    const mailer = mailerFor(`smtp://user:SMTP-PASSWORD@127.0.0.1:${port}`, { retryDelaysMs: [100, 300, 600, 900] });
    const before = performance.now();
    await sendTo(mailer, 'jane@example.org');
    expect(performance.now() - before).toBeLessThan(50);
    await expect.poll(() => logged.length).toBeGreaterThan(0);
    await mailer.stop();
    expect(logged.join()).toContain('tried again');
    expect(logged.join()).toContain('given up');
    for (const secret of ['SECRET-TOKEN', 'jane@', 'SMTP-PASSWORD']) expect(logged.join()).not.toContain(secret);
  });

  it('arrives once when the server comes back', async () => {
    const port = await freePort();
    const mailer = mailerFor(`smtp://127.0.0.1:${port}`, { retryDelaysMs: [100, 300, 600, 900] });
    await sendTo(mailer, 'jane@example.org');
    await expect.poll(() => logged.length).toBeGreaterThan(0);
    const server = await smtp(port);
    await mailer.flush();
    expect(server.received.map(({ to }) => to)).toEqual([['jane@example.org']]);
  });

  it('is given up after its repetitions, without holding the others up', async () => {
    const mailer = mailerFor(`smtp://127.0.0.1:${await freePort()}`, { retryDelaysMs: [10, 10] });
    await Promise.all(Array.from({ length: 5 }, (_, index) => sendTo(mailer, `jane${index}@example.org`)));
    await mailer.flush();
    expect(logged.filter((line) => line.includes('tried again'))).toHaveLength(10);
    expect(logged.filter((line) => line.includes('given up'))).toHaveLength(5);
  });

  it('waits in a bounded queue; what is too much is lost and logged, and nobody is told', async () => {
    const mailer = mailerFor(undefined, { maxWaiting: 3 });
    await Promise.all(Array.from({ length: 10 }, () => sendTo(mailer, 'jane@example.org')));
    await mailer.flush();
    expect(await mailer.mailbox?.list()).toHaveLength(3);
    expect(logged.filter((line) => line.includes('too many are waiting'))).toHaveLength(7);
  });

  it('that waits for its repetition is tried once more when the server stops', async () => {
    const port = await freePort();
    const mailer = mailerFor(`smtp://127.0.0.1:${port}`, { retryDelaysMs: [60_000] });
    await sendTo(mailer, 'jane@example.org');
    await expect.poll(() => logged.length).toBeGreaterThan(0);
    const server = await smtp(port);
    await mailer.stop();
    expect(server.received).toHaveLength(1);
  });

  it('goes to the development mailbox when there is no mail server, readable by its owner only', async () => {
    const mailer = mailerFor(undefined);
    await sendTo(mailer, 'jane@example.org', 'Jane');
    await sendTo(mailer, 'joe@example.org', 'Joe');
    await mailer.flush();
    const mails = (await mailer.mailbox?.list()) ?? [];
    expect(mails.map(({ to }) => to)).toEqual(['joe@example.org', 'jane@example.org']);
    const mail = await mailer.mailbox?.read(mails[1]?.id ?? '');
    expect(mail).toMatchObject({ from: 'Latchkey <no-reply@example.com>', to: 'jane@example.org', subject: 'verify-email für Jane' });
    expect(mail?.sentAt).toBeInstanceOf(Date);
    expect(mail?.text).toContain(secretLink);
    const files = readdirSync(path.join(folder, 'mailbox'));
    expect(files).toHaveLength(2);
    for (const file of files) expect(statSync(path.join(folder, 'mailbox', file)).mode & 0o077).toBe(0);
    for (const id of ['../secret', 'nothing', '', `../${mails[0]?.id}`]) expect(await mailer.mailbox?.read(id)).toBeNull();
    await mailer.mailbox?.clear();
    expect(await mailer.mailbox?.list()).toEqual([]);
  });

  it('keeps the newest 200 mails in the development mailbox', async () => {
    const mailer = mailerFor(undefined);
    for (let index = 0; index < 203; index++) await sendTo(mailer, `n${index}@example.org`);
    await mailer.flush();
    const mails = (await mailer.mailbox?.list()) ?? [];
    expect(mails).toHaveLength(200);
    expect(mails.map(({ to }) => to)).not.toContain('n0@example.org');
    expect(mails.map(({ to }) => to)).toContain('n202@example.org');
  });
});
