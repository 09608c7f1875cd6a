import { afterAll, beforeAll, expect, it } from 'vitest';
import { askRegistration, callback } from '../support/client-registration.js';
import { besideServer, type CommandLine } from '../support/command-line.js';
import { startTestServer, type TestServer } from '../support/server.js';

let server: TestServer;
let latchkey: CommandLine;
beforeAll(async () => {
  server = await startTestServer({ env: { REGISTRATION_OF_CLIENTS: 'token' } });
  latchkey = besideServer(server.config);
});
afterAll(async () => {
  await latchkey?.close();
  await server?.close();
});

it('lets an application register as often as the operator said, until it is revoked', async () => {
  const made = await latchkey.json([
    'initial-access-token',
    'create',
    '--note',
    'Team of the shop',
    '--uses',
    '2',
    '--ttl-seconds',
    '3600',
  ]);
  expect(made).toMatchObject({ note: 'Team of the shop', uses_left: 2, used: 0 });
  const register = () => askRegistration(`${server.url}/connect/register`, { body: { redirect_uris: [callback] }, token: made.token });
  const { body, status } = await register();
  expect(status).toBe(201);
  const { initial_access_tokens: listed } = await latchkey.json(['initial-access-token', 'list']);
  const { token, ...shown } = made;
  expect(listed).toEqual([{ ...shown, uses_left: 1, used: 1 }]);
  for (const command of [['list'], ['list', '--json']]) {
    const { stdout, stderr } = await latchkey.run(['initial-access-token', ...command]);
    expect(stdout + stderr).not.toContain(token);
    expect(stdout).toContain('Team of the shop');
  }
  expect(await latchkey.json(['initial-access-token', 'revoke', made.id])).toEqual({ id: made.id, revoked: true });
  expect((await register()).status).toBe(401);
  expect((await latchkey.run(['initial-access-token', 'revoke', made.id])).code).toBe(1);
  expect(await latchkey.json(['client', 'show', String(body.client_id)])).toMatchObject({
    source: 'registered',
    unused_until: expect.stringMatching(/^\d{4}-/),
  });
});

it('is for one registration within a week unless said otherwise', async () => {
  const made = await latchkey.json(['initial-access-token', 'create']);
  expect(made.uses_left).toBe(1);
  expect((Date.parse(made.expires_at) - Date.parse(made.created_at)) / 86_400_000).toBe(7);
  expect((await latchkey.json(['initial-access-token', 'create', '--unlimited'])).uses_left).toBeNull();
  expect((await latchkey.run(['initial-access-token', 'create', '--uses', '0'])).code).toBe(2);
});
