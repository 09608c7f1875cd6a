import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { besideServer, type CommandLine, openInstallation } from '../support/command-line.js';
import { startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

describe('clients from the command line', () => {
  let latchkey: CommandLine;
  beforeAll(async () => {
    latchkey = await openInstallation();
  });
  afterAll(() => latchkey?.close());

  it('are registered by their RFC 7591 names, and the secret is told once', async () => {
    const created = await latchkey.json([
      ...['client', 'create', '--client-name', 'My shop', '--redirect-uri', 'https://shop.example.com/a'],
      ...['--redirect-uri', 'https://shop.example.com/b', '--grant-type', 'authorization_code', '--grant-type', 'refresh_token'],
      ...['--scope', 'openid email', '--token-endpoint-auth-method', 'client_secret_post', '--first-party', '--no-require-pkce'],
      ...['--access-token-ttl-seconds', '120', '--refresh-token-ttl-seconds', '240', '--id-token-ttl-seconds', '60'],
      ...['--post-logout-redirect-uris', 'https://shop.example.com/x https://shop.example.com/y'],
    ]);
    expect(created).toMatchObject({
      client_name: 'My shop',
      redirect_uris: ['https://shop.example.com/a', 'https://shop.example.com/b'],
      post_logout_redirect_uris: ['https://shop.example.com/x', 'https://shop.example.com/y'],
      grant_types: ['authorization_code', 'refresh_token'],
      scope: 'openid email',
      token_endpoint_auth_method: 'client_secret_post',
      first_party: true,
      require_pkce: false,
      access_token_ttl_seconds: 120,
      refresh_token_ttl_seconds: 240,
      id_token_ttl_seconds: 60,
      source: 'operator',
    });
    const { client_id: id, client_secret: secret, ...metadata } = created;
    expect(secret).toMatch(/^[\w-]{43}$/);
    expect(await latchkey.json(['client', 'show', id])).toEqual({ client_id: id, ...metadata });
    const { clients, next_cursor: next } = await latchkey.json(['client', 'list']);
    expect({ clients, next }).toEqual({ clients: [{ client_id: id, ...metadata }], next: null });
    for (const command of [['show', id], ['list']]) {
      const { stdout, stderr } = await latchkey.run(['client', ...command]);
      expect(stdout + stderr).not.toContain(secret);
      expect(stdout).toContain('My shop');
    }
  });

  it('may bring keys in place of a secret, and change between a set and an address', async () => {
    const keys = [{ ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid: 'one' }];
    const created = await latchkey.json([
      ...['client', 'create', '--profile', 'service', '--client-name', 'Signer', '--token-endpoint-auth-method', 'private_key_jwt'],
      ...['--token-endpoint-auth-signing-alg', 'ES256', '--jwks', JSON.stringify({ keys })],
    ]);
    expect(created).toMatchObject({ jwks: { keys }, token_endpoint_auth_signing_alg: 'ES256' });
    expect(created).not.toHaveProperty('client_secret');
    const id = String(created.client_id);
    const moved = await latchkey.json(['client', 'update', id, '--jwks-uri', 'https://signer.example.com/jwks']);
    expect(moved).toMatchObject({ jwks_uri: 'https://signer.example.com/jwks' });
    expect(moved).not.toHaveProperty('jwks');
    const basic = await latchkey.json(['client', 'update', id, '--token-endpoint-auth-method', 'client_secret_basic', '--jwks-uri', '']);
    expect(basic.client_secret).toMatch(/^[\w-]{43}$/);
    expect(basic).not.toHaveProperty('token_endpoint_auth_signing_alg');
    expect(await latchkey.run(['client', 'update', id, '--jwks', '{keys'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('JSON'),
    });
  });

  it('on a profile need little more than a name: a single-page application has no secret', async () => {
    const spa = await latchkey.json([
      'client',
      'create',
      '--profile',
      'spa',
      '--client-name',
      'App',
      '--redirect-uri',
      'https://app.example.com/',
    ]);
    expect(spa).toMatchObject({ profile: 'spa', token_endpoint_auth_method: 'none', grant_types: ['authorization_code', 'refresh_token'] });
    expect(spa).not.toHaveProperty('client_secret');
    const { code, stdout, stderr } = await latchkey.run(['client', 'create', '--profile', 'service', '--client-name', 'Nightly']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/The secret, shown this once:\n {4}[\w-]{43}\n/);
  });

  it('may bring a secret of their own by standard input, which is not told back to people', async () => {
    const secret = 'a-secret-from-another-system-0123456789';
    const { code, stdout, stderr } = await latchkey.run(
      ['client', 'create', '--client-id', 'moved', '--client-secret-stdin', '--profile', 'service'],
      { input: `${secret}\n` },
    );
    expect(code).toBe(0);
    expect(stdout + stderr).not.toContain(secret);
  });

  it('change in what is given only; an empty value takes a member away', async () => {
    const { client_id: id, ...before } = await latchkey.json([
      ...['client', 'create', '--client-name', 'Changing', '--redirect-uri', 'https://one.example.com/'],
      ...['--scope', 'openid', '--client-uri', 'https://one.example.com/', '--access-token-ttl-seconds', '60'],
    ]);
    const after = await latchkey.json([
      ...['client', 'update', id, '--redirect-uris', 'https://two.example.com/', '--first-party', '--scope', '', '--client-uri', ''],
    ]);
    expect(after).toMatchObject({
      client_name: 'Changing',
      redirect_uris: ['https://two.example.com/'],
      first_party: true,
      access_token_ttl_seconds: 60,
    });
    expect(after).not.toHaveProperty('scope');
    expect(after).not.toHaveProperty('client_uri');
    expect(after).not.toHaveProperty('client_secret');
    expect(before).toHaveProperty('scope', 'openid');
    expect(await latchkey.json(['client', 'update', id, '--no-first-party', '--no-require-pkce'])).toMatchObject({
      first_party: false,
      require_pkce: false,
    });
  });

  it.each([
    ['a redirect URI that runs code', ['--redirect-uri', 'javascript:alert(1)'], /redirect_uris\[0\].*javascript:/],
    ['a redirect URI with a wildcard', ['--redirect-uri', 'https://*.example.com/'], /redirect_uris\[0\].*wildcard/],
    ['plain http to elsewhere', ['--redirect-uri', 'http://shop.example.com/'], /redirect_uris\[0\].*https/],
    ['no redirect URI', ['--client-name', 'x'], /redirect_uris/],
    [
      'an unknown way to authenticate',
      ['--redirect-uri', 'https://a.example.com/', '--token-endpoint-auth-method', 'trust_me'],
      /token_endpoint_auth_method/,
    ],
    ['the implicit grant', ['--grant-type', 'implicit'], /grant_types.*implicit/],
    ['the password grant', ['--grant-type', 'password'], /grant_types.*password/],
    ['an unknown profile', ['--profile', 'root'], /profile/],
    ['a resource nobody declared', ['--profile', 'service', '--default-resource', 'https://nowhere.example.com'], /default_resource/],
    ['a public client without PKCE', ['--profile', 'spa', '--redirect-uri', 'https://a.example.com/', '--no-require-pkce'], /require_pkce/],
    ['an id with spaces', ['--client-id', 'a b', '--profile', 'service'], /client_id/],
    ['an id that is taken', ['--client-id', 'moved', '--profile', 'service'], /There is a client with this id already/],
    ['a name that turns the text around', ['--profile', 'service', '--client-name', 'a\u202eb'], /client_name/],
  ])('are refused with a sentence and exit code 1, and nothing is written: %s', async (_, args, sentence) => {
    const { clients: before } = await latchkey.json(['client', 'list']);
    const { code, stdout, stderr } = await latchkey.run(['client', 'create', ...args, '--json']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(sentence);
    expect(stderr).not.toContain('\n    at ');
    expect((await latchkey.json(['client', 'list'])).clients).toEqual(before);
  });

  it.each([['show'], ['rotate-secret'], ['delete']])('that do not exist cannot be had: %s', async (command) => {
    const { code, stdout, stderr } = await latchkey.run(['client', command, 'nobody']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe('Error: There is no client with this id.\nSee which there are: latchkey client list\n');
  });
});

describe('beside a running server', () => {
  let server: TestServer;
  let latchkey: CommandLine;
  beforeAll(async () => {
    server = await startDeclaredServer();
    latchkey = besideServer(server.config);
  });
  afterAll(() => server?.close());

  async function tokenStatus(id: string, secret: string): Promise<number> {
    const authorization = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    return (await fetch(`${server.url}/token`, { method: 'POST', headers: { authorization }, body })).status;
  }
  /** What the server must have noticed within a second of the command's end. */
  const within = (expected: () => Promise<void>) => expect.poll(expected, { timeout: 1500, interval: 100 });

  it('a client works as soon as it is made, a rotated secret has a successor at once and a grace, and a deleted client is nobody', async () => {
    const { client_id: id, client_secret: first } = await latchkey.json([
      'client',
      'create',
      '--profile',
      'service',
      '--client-name',
      'Worker',
    ]);
    expect(await tokenStatus(id, first)).toBe(200);
    const { client_secret: second, previous_secret_expires_at: until } = await latchkey.json([
      'client',
      'rotate-secret',
      id,
      '--grace-seconds',
      '3600',
    ]);
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(3_500_000);
    await within(() => tokenStatus(id, second) as Promise<never>).toBe(200);
    expect(await tokenStatus(id, first)).toBe(200);
    const { client_secret: third } = await latchkey.json(['client', 'rotate-secret', id, '--grace-seconds', '0']);
    await within(() => tokenStatus(id, third) as Promise<never>).toBe(200);
    expect(await tokenStatus(id, second)).toBe(401);
    expect(await tokenStatus(id, first)).toBe(401);

    const refused = await latchkey.run(['client', 'delete', id, '--json']);
    expect(refused).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Error: This cannot be undone, and there is no terminal to ask at.\nAdd --yes to do it without being asked.\n',
    });
    expect(await tokenStatus(id, third)).toBe(200);
    expect(await latchkey.json(['client', 'delete', id, '--yes'])).toEqual({ client_id: id, deleted: true });
    await within(() => tokenStatus(id, third) as Promise<never>).toBe(401);
  });

  it('writers do not fail each other: commands and requests at the same moment all end well', async () => {
    const { client_id: id, client_secret: secret } = await latchkey.json([
      'client',
      'create',
      '--profile',
      'service',
      '--client-name',
      'Busy',
    ]);
    const commands = Array.from({ length: 4 }, (_, index) =>
      latchkey.json(['client', 'create', '--profile', 'service', '--client-name', `Parallel ${index}`]),
    );
    let running = true;
    const done = Promise.all(commands).finally(() => {
      running = false;
    });
    const statuses: number[] = [];
    while (running) statuses.push(...(await Promise.all([tokenStatus(id, secret), tokenStatus(id, secret)])));
    expect(new Set((await done).map((client) => client.client_id)).size).toBe(4);
    expect(statuses.length).toBeGreaterThan(3);
    expect(new Set(statuses)).toEqual(new Set([200]));
  });
});
