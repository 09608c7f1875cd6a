import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../src/platform/log/index.js';
import { redactText, redactValue } from '../../src/platform/log/redaction.js';
import { databases } from '../support/database.js';
import { declare } from '../support/declarations.js';
import { createSecretWalks, WRONG_PASSWORD } from '../support/every-secret.js';
import { startTestServer, type TestServer } from '../support/server.js';

describe('a log line', () => {
  it('loses secrets by their names however deep, and by their looks wherever they stand', () => {
    const jwt = 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl';
    const error = Object.assign(
      new Error(`fetching https://a.example/cb?code=abc123&x=1 with Bearer ${jwt} failed`, { cause: { Set_Cookie: ['s=1'] } }),
      {
        code: 'ECONNREFUSED',
        config: { a: { b: { c: { clientSecret: 'hush', url: 'postgresql://u:hush@db/x' } } } },
      },
    );
    const text = JSON.stringify(
      redactValue({ err: error, list: [{ 'X-API-Key': 'hush' }], code: 'hush-hush', nested: { code: 'login.disabled' } }),
    );
    expect(
      redactText('key lk_01234567_abcdefghijklmnopqrstuvwxyz and whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw of /device/0123456789012345678901'),
    ).toBe('key [redacted] and [redacted] of /device/:uid');
    for (const secret of ['abc123', jwt, 's=1', 'hush']) expect(text).not.toContain(secret);
    for (const kept of ['ECONNREFUSED', 'login.disabled', 'a.example', 'x=1', 'log-redaction.test']) expect(text).toContain(kept);
    expect(redactText('nothing to hide: /authorize 200')).toBe('nothing to hide: /authorize 200');
  });
});

describe.each(databases)('every kind of secret, sent to every endpoint, right and wrong (%s)', (provider) => {
  let server: TestServer;
  let declared: ReturnType<typeof declare>;
  let walks: ReturnType<typeof createSecretWalks>;
  const lines: string[] = [];
  /** what must be nowhere, by what it is */
  const secrets = new Map<string, string>();
  const note = (kind: string, value: unknown): string => {
    expect(value, kind).toEqual(expect.any(String));
    expect(String(value).length, kind).toBeGreaterThan(5);
    secrets.set(kind, String(value));
    return String(value);
  };
  beforeAll(async () => {
    declared = declare();
    const stream = { write: (line: string) => void lines.push(line) };
    server = await startTestServer({
      provider,
      env: { ...declared.env, SLOW_QUERY_MS: '1' },
      log: createLogger({ level: 'trace', format: 'json', stream }),
    });
    walks = createSecretWalks(server, note);
    note('key-encryption key', server.config.keyEncryptionKey.toString('base64'));
    for (const [index, each] of server.config.cookieSecrets.entries()) note(`cookie secret ${index}`, each);
  });
  afterAll(async () => {
    await server?.close();
    declared?.remove();
  });

  it.each(['protocol', 'registration', 'elsewhere', 'account', 'api'] as const)('passes through the server: %s', async (name) => {
    const before = secrets.size;
    await walks[name]();
    expect(secrets.size).toBeGreaterThan(before + 5);
  });

  it('and with a database that fails in the middle of it', async () => {
    const { client } = server.services.db;
    await client
      .$queryRawUnsafe(`SELECT * FROM no_such_table WHERE password = '${WRONG_PASSWORD}'`)
      .catch((err: unknown) => server.services.log.error({ err, password: WRONG_PASSWORD }, `failed with token=${secrets.get('state')}`));
    await server.services.mailer.flush();
  });

  it('a slow statement is told by its text, without its values, and counted', async () => {
    const [value, parameter] = provider === 'sqlite' ? [4_242_424_242, '?'] : ['4242424242', '$1::text::bigint'];
    const count = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000) SELECT COUNT(*) AS many FROM n WHERE i <> ${parameter}`;
    await server.services.db.client.$queryRawUnsafe(count, value);
    const told = lines.filter((line) => line.includes('a statement was slow') && line.includes('WITH RECURSIVE'));
    expect(told).toHaveLength(1);
    expect(told[0]).not.toContain('4242424242');
    expect(await server.services.metrics.render()).toMatch(/^db_slow_queries_total [1-9]/m);
  });

  it('and stands in no line of the log, at any level', () => {
    const log = lines.join('');
    expect(log.length).toBeGreaterThan(10_000);
    for (const level of [30, 40, 50]) expect(log, `level ${level}`).toContain(`"level":${level}`);
    for (const [kind, value] of secrets) {
      expect(log.includes(value), kind).toBe(false);
      expect(log.includes(encodeURIComponent(value)), kind).toBe(false);
      // Nor as much of it as would help somebody; how every JWT begins is looked for below.
      const beginning = value.startsWith('urn:') ? value.slice(0, -10) : value.slice(0, 16);
      if (value.length > 20 && !value.startsWith('eyJ')) expect(log.includes(beginning), `the beginning of ${kind}`).toBe(false);
    }
    for (const each of ['eyJhbGciOi', '$argon2', '"d":"', 'whsec_']) expect(log).not.toContain(each);
  });

  it('and nowhere in the database, audit events among it', async () => {
    const text = await everythingIn(server);
    expect(text.length).toBeGreaterThan(50_000);
    for (const [kind, value] of secrets) {
      expect(text.includes(value), `${kind} in the database`).toBe(false);
      expect(text.includes(Buffer.from(value).toString('hex')), `${kind} in bytes of the database`).toBe(false);
    }
  });
});

/** All that a database holds: of SQLite the bytes of its files, of PostgreSQL every row of every table. */
async function everythingIn({ config, services: { db } }: TestServer): Promise<string> {
  if (db.provider === 'sqlite') {
    const file = config.databaseUrl.slice('file:'.length);
    return ['', '-wal'].map((end) => readFileSync(`${file}${end}`).toString('latin1')).join('\n');
  }
  const { client } = db;
  const tables = await client.$queryRawUnsafe<{ name: string }[]>(
    "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'",
  );
  expect(tables.length).toBeGreaterThan(15);
  const rows: string[] = [];
  for (const { name } of tables) {
    const found = await client.$queryRawUnsafe<{ row: string }[]>(`SELECT to_jsonb(t)::text AS row FROM "${name}" t`);
    rows.push(...found.map(({ row }) => row));
  }
  return rows.join('\n');
}
