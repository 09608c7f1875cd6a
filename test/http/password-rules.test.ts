import { createHash, pbkdf2Sync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hash as hashWithBcrypt } from '@node-rs/bcrypt';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccount } from '../support/account-browser.js';
import { Browserless, type Page } from '../support/browserless.js';
import { createPerson, PASSWORD, signIn } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

const LEAKED = 'sailboat rainbow leaked lamp';
const leakedDigest = createHash('sha1').update(LEAKED).digest('hex').toUpperCase();

/** As its page marks the field: `<p class="error" id="password-error">...`. */
const errorAt = (page: Page, field: string): string =>
  new RegExp(`id="${field}-error"[^>]*>([\\s\\S]*?)</p>`)
    .exec(page.body)?.[1]
    ?.replace(/<[^>]+>/g, '')
    .trim() ?? '';

describe('passwords on the pages', () => {
  let server: TestServer;
  const asked: string[] = [];
  const ranges = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.end(request.url === `/range/${leakedDigest.slice(0, 5)}` ? `${leakedDigest.slice(5)}:12` : '');
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => ranges.listen(0, '127.0.0.1', resolve));
    const { port } = ranges.address() as AddressInfo;
    server = await startTestServer({
      env: {
        BREACHED_PASSWORDS_URL: `http://127.0.0.1:${port}/range/`,
        LIMIT_REGISTRATIONS_PER_HOUR: '1000',
        LIMIT_FAILED_LOGINS_PER_MINUTE: '1000',
      },
    });
  });
  afterAll(async () => {
    await server?.close();
    ranges.closeAllConnections();
    await new Promise((resolve) => ranges.close(resolve));
  });

  const register = async (password: string) => {
    const browser = new Browserless();
    return browser.submit(await browser.open(`${server.url}/register`), '/register', { email: 'someone@example.com', password });
  };
  const signInWith = async (email: string, password: string) => {
    const browser = new Browserless();
    return signIn(browser, await browser.open(`${server.url}/account`), { email, password });
  };
  const storedHash = async (id: string) => server.services.db.client.account.findUniqueOrThrow({ where: { id } });

  it.each([
    ['bcrypt', () => hashWithBcrypt(PASSWORD, 5)],
    ['PBKDF2', async () => djangoHashOf(PASSWORD)],
  ])('that were imported as %s sign in, and the hash is made anew once', async (_, hashOf) => {
    const { email, account } = await createPerson(server);
    await server.services.db.client.account.update({ where: { id: account.id }, data: { passwordHash: await hashOf() } });
    const before = await storedHash(account.id);
    expect((await signInWith(email, 'not the password at all')).status).toBe(401);
    expect((await storedHash(account.id)).passwordHash).toBe(before.passwordHash);
    const pages = await Promise.all([1, 2, 3].map(() => signInWith(email, PASSWORD)));
    expect(pages.map(({ status }) => status)).toEqual([200, 200, 200]);
    const upgraded = await storedHash(account.id);
    expect(upgraded.passwordHash).toMatch(/^\$argon2id\$v=19\$/);
    // Nobody has a new password: devices stay known.
    expect(upgraded.passwordSetAt).toEqual(before.passwordSetAt);
    expect((await signInWith(email, PASSWORD)).status).toBe(200);
    expect((await storedHash(account.id)).passwordHash).toBe(upgraded.passwordHash);
    expect((await signInWith(email, 'not the password at all')).status).toBe(401);
  });

  it.each([
    '',
    'x',
    '$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$argon2id$v=19$m=8,t=1,p=16$c29tZXNhbHRzb21lc2FsdA$AAcOFRwjKjE4P0ZNVFtiaXB3foWMk5qhqK+2vcTL0tk',
    '$scrypt$ln=1,r=9999,p=1$AAAA$FQCNpiZpTb0zub+HBsH6TOwyRxJ19FwvjbweatNmK/Y=',
  ])('that no hash is kept of (%j) do not sign in, and nothing breaks', async (passwordHash) => {
    const { email, account } = await createPerson(server);
    await server.services.db.client.account.update({ where: { id: account.id }, data: { passwordHash } });
    expect((await signInWith(email, PASSWORD)).status).toBe(401);
  });

  it('that leaked are refused at registration, at a reset and at a change, with a sentence at their field', async () => {
    const sentence = 'found in a data leak';
    const registered = await register(LEAKED);
    expect(registered.status).toBe(422);
    expect(errorAt(registered, 'password')).toContain(sentence);

    const person = await openAccount(server);
    const changed = await person.submit('/account/password', '/account/password', { current_password: PASSWORD, new_password: LEAKED });
    expect(changed.status).toBe(422);
    expect(errorAt(changed, 'new_password')).toContain(sentence);

    await server.services.identity.recovery.request({ email: person.email, ip: '192.0.2.1' });
    const [link = ''] = await server.linksTo(person.email);
    const visitor = new Browserless();
    const reset = await visitor.submit(await visitor.open(link), '/reset', { password: LEAKED });
    expect(reset.status).toBe(422);
    expect(errorAt(reset, 'password')).toContain(sentence);
    for (const page of [registered, changed, reset]) expect(page.body).not.toContain(LEAKED);
  });

  it('that leaked sign in all the same, and nobody is asked about them at sign-in', async () => {
    const { email } = await createPerson(server, { password: LEAKED });
    asked.length = 0;
    expect((await signInWith(email, LEAKED)).status).toBe(200);
    expect(asked).toEqual([]);
  });

  it('from the shipped list of the most common ones are refused whatever service is asked', async () => {
    asked.length = 0;
    for (const common of ['password', 'iloveyou', 'qwertyuiop']) {
      const page = await register(common);
      expect(page.status).toBe(422);
      expect(errorAt(page, 'password')).toContain('on every list of common passwords');
    }
    expect(asked).toEqual([]);
  });

  it('that are weak are refused with the advice of the estimator', async () => {
    const page = await register('aaaaaaaaaaaa');
    expect(page.status).toBe(422);
    expect(errorAt(page, 'password')).toMatch(/too easy to guess\..*(Repeat|repeat)/);
  });
});

function djangoHashOf(password: string): string {
  const key = pbkdf2Sync(password, 'seasalt', 10_000, 32, 'sha256').toString('base64');
  return `pbkdf2_sha256$10000$seasalt$${key}`;
}
