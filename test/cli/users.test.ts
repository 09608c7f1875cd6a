import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { besideServer, type CommandLine, openInstallation } from '../support/command-line.js';
import { createPerson } from '../support/people.js';
import { createRelyingParty, obtainTokens, type RelyingParty, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

const PASSWORD = 'correct horse battery staple 42';
const OTHER_PASSWORD = 'another horse, another battery 43';

describe('accounts from the command line', () => {
  let latchkey: CommandLine;
  beforeAll(async () => {
    latchkey = await openInstallation();
  });
  afterAll(() => latchkey?.close());

  const create = (email: string, args: string[] = [], input = PASSWORD) =>
    latchkey.run(['user', 'create', '--email', email, ...args, '--password-stdin', '--json'], { input });

  it('are made with what is given, shown and listed by the names of the JSON API, and never with their password', async () => {
    const args = [
      '--username',
      'Ann',
      '--first-name',
      'Ann',
      '--last-name',
      'O’Neill',
      '--full-name',
      'Ann O’Neill',
      '--verified',
      '--role',
      'admin',
    ];
    const created = await create('Ann@Example.COM', args, `${PASSWORD}\n`);
    expect(created).toMatchObject({ code: 0, stderr: '' });
    expect(created.stdout).not.toContain(PASSWORD);
    const user = JSON.parse(created.stdout);
    expect(user).toMatchObject({
      email: 'ann@example.com',
      username: 'Ann',
      first_name: 'Ann',
      last_name: 'O’Neill',
      full_name: 'Ann O’Neill',
      role: 'admin',
      roles: ['admin', 'user'],
      is_active: true,
      is_verified: true,
      has_password: true,
    });
    for (const name of [user.id, 'ANN@example.com', 'ann']) expect(await latchkey.json(['user', 'show', name])).toEqual(user);
    expect(await latchkey.json(['user', 'list'])).toEqual({ users: [user], next_cursor: null });
    const { stdout } = await latchkey.run(['user', 'list']);
    expect(stdout).toMatch(/^E-MAIL +USERNAME +ROLES/);
    expect(stdout).toContain('ann@example.com');
  });

  it('are listed page by page', async () => {
    for (const name of ['one', 'two']) expect((await create(`${name}@example.com`)).code).toBe(0);
    const first = await latchkey.json(['user', 'list', '--limit', '2']);
    const second = await latchkey.json(['user', 'list', '--limit', '2', '--cursor', first.next_cursor]);
    expect([...first.users, ...second.users].map(({ email }) => email)).toEqual(['ann@example.com', 'one@example.com', 'two@example.com']);
    expect((await latchkey.run(['user', 'list', '--cursor', 'AAAA'])).code).toBe(1);
    const other = await latchkey.run(['user', 'list', '--sort', 'email', '--cursor', first.next_cursor]);
    expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('keep its filter and order') });
  });

  it('are listed by who they are, in another order', async () => {
    const emails = async (...args: string[]) =>
      (await latchkey.json(['user', 'list', ...args])).users.map(({ email }: { email: string }) => email);
    expect(await emails('--sort', 'email', '--descending')).toEqual(['two@example.com', 'one@example.com', 'ann@example.com']);
    expect(await emails('--search', 'AN')).toEqual(['ann@example.com']);
    expect(await emails('--role', 'admin')).toEqual(['ann@example.com']);
    expect(await emails('--search', 'nobody')).toEqual([]);
    expect((await latchkey.run(['user', 'list', '--search', 'nobody'])).stdout).toContain('No account fits.');
  });

  it.each([
    ['an address that is none', 'not an address', [], PASSWORD, /Enter an email address, like name@example\.com\./],
    ['an address that would be two lines of mail', 'a@example.com\r\nBcc: b@example.com', [], PASSWORD, /Enter an email address/],
    [
      'an address that has an account, in another case',
      'ANN@example.com',
      [],
      PASSWORD,
      /already has an account\.\nSee it: latchkey user show/,
    ],
    ['a username that is taken', 'new@example.com', ['--username', 'aNN'], PASSWORD, /This username is taken\./],
    ['a username that looks like an address', 'new@example.com', ['--username', 'a@b'], PASSWORD, /A username has letters/],
    [
      'a role that does not exist',
      'new@example.com',
      ['--role', 'root'],
      PASSWORD,
      /There is no role "root"\.\nThe roles are: admin, manager, user/,
    ],
    ['a password that everybody has', 'new@example.com', [], 'password123', /one of the passwords that are tried first|too easy to guess/],
    ['a short password', 'new@example.com', [], 'x7$kq', /Use at least 8 characters\./],
    ['a password made of the address', 'new.person@example.com', [], 'new.person@example.com', /too easy to guess/],
    ['an empty password', 'new@example.com', [], '\n', /The password is empty\./],
    ['a password without end', 'new@example.com', [], 'x'.repeat(10_000), /longer than 4096 bytes/],
  ])('are refused with a helpful sentence and exit code 1, and nobody is made: %s', async (_, email, args, password, sentence) => {
    const { code, stdout, stderr } = await create(email, args, password);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toContain('\n    at ');
    if (password.trim().length > 5) expect(stderr.replaceAll(email, '')).not.toContain(password);
    expect((await latchkey.json(['user', 'list'])).users).toHaveLength(3);
  });

  it('have roles that are granted and revoked by name', async () => {
    expect(await latchkey.json(['role', 'grant', 'one@example.com', 'manager'])).toMatchObject({
      role: 'manager',
      roles: ['manager', 'user'],
    });
    expect(await latchkey.json(['role', 'grant', 'one@example.com', 'manager'])).toMatchObject({ roles: ['manager', 'user'] });
    expect(await latchkey.json(['role', 'revoke', 'one@example.com', 'manager'])).toMatchObject({ role: 'user', roles: ['user'] });
    const unknown = await latchkey.run(['role', 'grant', 'one@example.com', 'root']);
    expect(unknown).toEqual({ code: 1, stdout: '', stderr: 'Error: There is no such role.\nSee which there are: latchkey role list\n' });
    const { roles } = await latchkey.json(['role', 'list']);
    expect(roles.map(({ name }: { name: string }) => name)).toEqual(['admin', 'manager', 'user']);
  });

  it.each([
    ['disabled', ['user', 'disable', 'ann']],
    ['deleted', ['user', 'delete', 'ann', '--yes']],
    ['made an ordinary user', ['role', 'revoke', 'ann', 'admin']],
  ])('that are the last administrator cannot be %s', async (_, args) => {
    const { code, stdout, stderr } = await latchkey.run(args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/^Error: This is the last administrator\./);
    expect(await latchkey.json(['user', 'show', 'ann'])).toMatchObject({ is_active: true, role: 'admin' });
  });

  it('are deleted only after a yes', async () => {
    const refused = await latchkey.run(['user', 'delete', 'two@example.com']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Add --yes');
    expect(await latchkey.json(['user', 'delete', 'two@example.com', '--yes'])).toMatchObject({ email: 'two@example.com', deleted: true });
    const gone = await latchkey.run(['user', 'show', 'two@example.com']);
    expect(gone.code).toBe(1);
    expect(gone.stderr).toMatch(/^Error: There is no such account\.\nName it by its id, e-mail address or username\./);
  });
});

describe('beside a running server', () => {
  let server: TestServer;
  let shop: RelyingParty;
  let latchkey: CommandLine;
  beforeAll(async () => {
    server = await startDeclaredServer();
    shop = await createRelyingParty(server, 'shop');
    latchkey = besideServer(server.config);
  });
  afterAll(() => server?.close());

  const login = (identifier: string, password: string) =>
    server.services.identity.login.withPassword({ identifier, password, ip: '192.0.2.1', requireVerified: true });
  const refresh = (token = '') => oidc.refreshTokenGrant(shop.config, token);

  it('who is made can sign in at once', async () => {
    const { id } = await latchkey.json(['user', 'create', '--email', 'made@example.com', '--verified', '--password-stdin'], {
      input: PASSWORD,
    });
    const { tokens } = await obtainTokens(server, shop, { person: { email: 'made@example.com', password: PASSWORD } });
    expect(tokens.claims()?.sub).toBe(id);
  });

  it.each([
    ['disabling', 'user disable'],
    ['a new password', 'user set-password'],
    ['deleting', 'user delete'],
    ['revoking the sessions', 'sessions revoke'],
  ])('%s ends the sessions and refresh tokens', async (_, command) => {
    const person = await createPerson(server);
    const { tokens, browser } = await obtainTokens(server, shop, { person });
    const args = {
      'user disable': ['user', 'disable', person.email],
      'user set-password': ['user', 'set-password', person.email, '--password-stdin'],
      'user delete': ['user', 'delete', person.email, '--yes'],
      'sessions revoke': ['sessions', 'revoke', '--account', person.email],
    }[command] as string[];
    await latchkey.json(args, { input: OTHER_PASSWORD });
    expect(await refusalOf(refresh(tokens.refresh_token))).toMatchObject({ error: 'invalid_grant' });
    const page = await browser.open((await shop.begin()).url.href);
    expect(page.body).toContain('name="password"');
  });

  it('a disabled account cannot sign in until it is enabled; the new password works and the old one does not', async () => {
    const { email } = await createPerson(server);
    expect(await latchkey.json(['user', 'disable', email])).toMatchObject({ is_active: false });
    await expect(login(email, PASSWORD)).rejects.toMatchObject({ code: 'login.disabled' });
    expect((await latchkey.json(['user', 'list', '--status', 'disabled'])).users).toContainEqual(expect.objectContaining({ email }));
    expect(await latchkey.json(['user', 'enable', email])).toMatchObject({ is_active: true });
    await expect(login(email, PASSWORD)).resolves.toMatchObject({ account: { email } });
    const weak = await latchkey.run(['user', 'set-password', email, '--password-stdin'], { input: 'password' });
    expect(weak.code).toBe(1);
    await latchkey.json(['user', 'set-password', email, '--password-stdin'], { input: OTHER_PASSWORD });
    await expect(login(email, PASSWORD)).rejects.toMatchObject({ code: 'login.invalid_credentials' });
    await expect(login(email, OTHER_PASSWORD)).resolves.toMatchObject({ account: { email } });
    const subjects = ((await server.services.mailer.mailbox?.list()) ?? []).filter(({ to }) => to === email).map(({ subject }) => subject);
    expect(subjects).toContainEqual(expect.stringMatching(/password/i));
  });

  it('an account that wrong passwords have locked is opened', async () => {
    const { email } = await createPerson(server);
    for (let failure = 0; failure < 5; failure++) await login(email, 'wrong').catch(() => undefined);
    await expect(login(email, PASSWORD)).rejects.toMatchObject({ code: 'login.locked' });
    await latchkey.json(['user', 'unlock', email]);
    await expect(login(email, PASSWORD)).resolves.toMatchObject({ account: { email } });
  });

  it('one session is ended and another goes on', async () => {
    const person = await createPerson(server);
    const first = await obtainTokens(server, shop, { person });
    const second = await obtainTokens(server, shop, { person });
    const { sessions } = await latchkey.json(['sessions', 'list', person.email]);
    expect(sessions).toHaveLength(2);
    expect(sessions[0]).toMatchObject({ client_ids: ['shop'], user_agent: expect.stringContaining('Firefox') });
    const { id } = sessions[0];
    expect(await latchkey.json(['sessions', 'revoke', id])).toEqual({ id, revoked: true });
    const outcomes = await Promise.allSettled([first, second].map(({ tokens }) => refresh(tokens.refresh_token)));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect((await latchkey.json(['sessions', 'list', person.email])).sessions).toEqual([sessions[1]]);
    const again = await latchkey.run(['sessions', 'revoke', id]);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('There is no such session') });
    expect((await latchkey.run(['sessions', 'list', person.email])).stdout).toContain('SIGNED IN');
  });
});
