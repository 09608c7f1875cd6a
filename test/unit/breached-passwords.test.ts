import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createBreachedPasswords, createPasswords } from '../../src/identity/passwords/index.js';

const LEAKED = 'correct horse battery staple 42';
const digest = (password: string) => createHash('sha1').update(password).digest('hex').toUpperCase();

describe('looking a new password up among leaked ones', () => {
  const asked: { url: string; padding: string | undefined }[] = [];
  let answer: (request: IncomingMessage, response: ServerResponse) => void;
  const server = createServer((request, response) => {
    asked.push({ url: request.url ?? '', padding: request.headers['add-padding'] as string | undefined });
    answer(request, response);
  });
  let url: string;
  let warnings: { fields: object; message: string }[] = [];
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/range/`;
  });
  afterAll(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  afterEach(() => {
    asked.length = 0;
    warnings = [];
    vi.useRealTimers();
  });
  const create = (timeoutMs?: number, base = url) =>
    createBreachedPasswords({
      url: base,
      allow: ['127.0.0.1'],
      development: true,
      log: { warn: (fields, message) => warnings.push({ fields, message }) },
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
  const range = (lines: string[]) => (_: IncomingMessage, response: ServerResponse) => void response.end(lines.join('\r\n'));

  it('tells the service five digits of its SHA-1 and asks for a padded answer', async () => {
    answer = range(['0018A45C4D1DEF81644B54AB7F969B88D65:3', `${digest(LEAKED).slice(5)}:17`, '00D4F6E8FA6EECAD2A3AA415EEC418D38EC:0']);
    expect(await create().count(LEAKED)).toBe(17);
    expect(await create(undefined, url.replace(/\/$/, '')).count(LEAKED)).toBe(17);
    const path = `/range/${digest(LEAKED).slice(0, 5)}`;
    expect(asked).toEqual([
      { url: path, padding: 'true' },
      { url: path, padding: 'true' },
    ]);
    expect(warnings).toEqual([]);
  });

  it('does not take padding or another suffix for it', async () => {
    answer = range([`${digest(LEAKED).slice(5)}:0`, `${digest('other').slice(5)}:99`]);
    expect(await create().count(LEAKED)).toBe(0);
  });

  it.each<[string, typeof answer]>([
    ['errors', (_, response) => void response.writeHead(503).end('down')],
    ['sends elsewhere', (_, response) => void response.writeHead(302, { location: '/range/elsewhere' }).end()],
    ['hangs up', (request) => void request.socket.destroy()],
    ['never ends', (_, response) => void response.write('0018A45C4D1DEF81644B54AB7F969B88D65:3\r\n')],
    ['never begins', () => undefined],
    ['answers without measure', (_, response) => void response.end('0'.repeat(2 * 1024 * 1024))],
  ])('lets the password through, with a warning without any part of it, when the service %s', async (_, behaviour) => {
    answer = behaviour;
    expect(await create(200).count(LEAKED)).toBe(0);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]?.message).toMatch(/cannot be looked up/);
    const told = JSON.stringify(warnings);
    expect(told).not.toContain(LEAKED);
    expect(told.toUpperCase()).not.toContain(digest(LEAKED).slice(0, 5));
    expect(asked).toHaveLength(1);
  });

  it('asks a private address only where the operator has allowed it, and nothing over plain http outside of development', async () => {
    answer = range([`${digest(LEAKED).slice(5)}:17`]);
    const log = { warn: () => undefined };
    for (const base of [url, url.replace('http:', 'https:'), 'https://10.0.0.1/range/', 'https://169.254.169.254/range/']) {
      expect(await createBreachedPasswords({ url: base, allow: [], development: false, log, timeoutMs: 500 }).count(LEAKED)).toBe(0);
    }
    expect(asked).toEqual([]);
  });

  it('lets it through when nobody listens, warning once in five minutes', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    const { count } = create(500, 'http://127.0.0.1:1/range/');
    for (let time = 0; time < 3; time++) expect(await count(LEAKED)).toBe(0);
    expect(warnings).toHaveLength(1);
    vi.setSystemTime(Date.now() + 5 * 60_000);
    await count(LEAKED);
    expect(warnings).toHaveLength(2);
  });

  it('happens for passwords that are good otherwise, not for weak ones and not while somebody types', async () => {
    answer = range([`${digest(LEAKED).slice(5)}:17`]);
    const passwords = createPasswords({
      cost: { memoryKib: 1024, passes: 1, lanes: 1 },
      maxWaiting: 1,
      minScore: 2,
      brandName: 'Latchkey',
      breached: create(),
    });
    await expect(passwords.requireAcceptable('password', [])).rejects.toMatchObject({ code: 'passwords.too_common' });
    await expect(passwords.assess(LEAKED, [])).resolves.toMatchObject({ acceptable: true });
    expect(asked).toEqual([]);
    await expect(passwords.requireAcceptable(LEAKED, [])).rejects.toMatchObject({
      code: 'passwords.breached',
      status: 422,
      details: [{ path: 'password', message: 'This password has been found in a data leak. Choose another.' }],
    });
    await expect(passwords.requireAcceptable('sailboat-rainbow-lamp', [])).resolves.toBeUndefined();
  });
});
