import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { besideServer, type CommandLine } from '../support/command-line.js';
import { callApi } from '../support/json-api.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('the audit log from the command line, beside a running server', () => {
  let server: TestServer;
  let latchkey: CommandLine;
  let accountId: string;
  const email = 'ann@example.com';
  beforeAll(async () => {
    server = await startTestServer();
    latchkey = besideServer(server.config);
    accountId = (await createPerson(server, { email })).account.id;
    const login = (password: string) => server.services.identity.login.withPassword({ identifier: email, password, ip: '192.0.2.7' });
    await login('not the password at all').catch(() => undefined);
    await login(PASSWORD);
    await fetch(`${server.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'authorization_code', client_id: 'nobody', code: 'a-secret-code' }),
    });
    await server.services.audit.flush();
  });
  afterAll(() => server?.close());

  it('is listed by account, client, type and time, page after page', async () => {
    const { events } = await latchkey.json(['audit', 'list', '--account', email]);
    expect(events.map(({ type }: { type: string }) => type)).toEqual(['login.succeeded', 'login.failed']);
    expect(events[1]).toMatchObject({
      outcome: 'failure',
      account_id: accountId,
      ip: '192.0.2.7',
      occurred_at: expect.stringMatching(/Z$/),
    });
    const first = await latchkey.json(['audit', 'list', '--account', accountId, '--type', 'login.*', '--limit', '1']);
    const second = await latchkey.json([
      'audit',
      'list',
      '--account',
      accountId,
      '--type',
      'login.*',
      '--limit',
      '1',
      '--cursor',
      first.next_cursor,
    ]);
    expect([...first.events, ...second.events]).toEqual(events);
    expect(second.next_cursor).toBeNull();
    expect((await latchkey.json(['audit', 'list', '--type', 'token.refused'])).events).toHaveLength(1);
    expect((await latchkey.json(['audit', 'list', '--since', '2999-01-01'])).events).toEqual([]);
    expect((await latchkey.run(['audit', 'list', '--account', 'ANN@example.com'])).stdout).toMatch(
      /login\.failed +failure +\S+ +\S+ +- +192\.0\.2\.7/,
    );
    for (const wrong of [
      ['--type', 'nothing.here'],
      ['--since', 'yesterday'],
      ['--cursor', 'x'],
    ])
      expect((await latchkey.run(['audit', 'list', ...wrong])).code).not.toBe(0);
  });

  it('is exported as one JSON object a line, the oldest first, with nothing that somebody typed as a secret', async () => {
    const { stdout } = await latchkey.run(['audit', 'export']);
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ occurred_at: at }) => at)).toEqual(lines.map(({ occurred_at: at }) => at).sort());
    expect(lines.map(({ type }) => type)).toEqual(expect.arrayContaining(['login.failed', 'login.succeeded', 'token.refused']));
    expect(lines.every(({ mac }) => typeof mac === 'string')).toBe(true);
    expect(stdout).not.toMatch(/a-secret-code|not the password/);
  });

  it('has its chain within ten seconds without anybody doing anything, and verification says what was done to it', async () => {
    await expect.poll(() => server.services.db.client.auditEvent.count({ where: { sequence: null } }), { timeout: 10_000 }).toBe(0);
    const clean = await latchkey.json(['audit', 'verify']);
    expect(clean).toMatchObject({ ok: true, fault_count: 0, unchained: 0, head: expect.stringMatching(/^\d+\.[\w-]{43}$/) });
    expect((await latchkey.json(['audit', 'verify', '--head', clean.head])).ok).toBe(true);
    await server.services.db.client.$executeRaw`DELETE FROM audit_events WHERE type = 'login.failed'`;
    const found = await latchkey.run(['audit', 'verify']);
    expect(found).toMatchObject({ code: 1, stderr: '' });
    expect(found.stdout).toMatch(/missing +\d+[\s\S]*One fault: [\s\S]*latchkey audit continue/);
    // What was found wrong must not be what is compared with later.
    expect(found.stdout).not.toContain('Keep this elsewhere');
    expect(JSON.parse((await latchkey.run(['audit', 'verify', '--json'])).stdout)).toMatchObject({
      ok: false,
      fault_count: 1,
      faults: [{ kind: 'missing' }],
    });
    expect((await latchkey.run(['audit', 'verify', '--head', 'x'])).code).toBe(2);
  });

  it('goes on after its end was altered when an operator says so, and that is an event', async () => {
    await server.services.db.client.$executeRaw`UPDATE audit_checkpoints SET sequence = 1 WHERE name = 'head'`;
    expect((await latchkey.run(['audit', 'continue'])).stderr).toContain('Add --yes');
    expect((await latchkey.json(['audit', 'continue', '--yes'])).head).toMatch(/^\d+\./);
    const { events } = await latchkey.json(['audit', 'list', '--type', 'audit.*']);
    expect(events).toMatchObject([{ type: 'audit.continued', detail: { via: 'cli' } }]);
  });

  it('is read over the API by whoever may, and what somebody wrote past us does no harm to the rest', async () => {
    const { account } = await createPerson(server, { roles: ['manager', 'user'] });
    const { accessToken: token } = await server.app.firstParty.signIn({ accountId: account.id, generation: 0, amr: ['pwd'] });
    await server.services.db.client.$executeRaw`UPDATE audit_events SET detail = '{"a":[1' WHERE type = 'login.succeeded'`;
    const answer = await callApi(server, 'GET', `/api/audit?account=${accountId}`, { token });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text).events).toMatchObject([
      { type: 'login.succeeded', account_id: accountId, detail: { unreadable: true } },
    ]);
  });
});
