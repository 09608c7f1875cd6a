import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createClient } from '@libsql/client';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt } from '../support/built.js';
import { besideServer, type CommandLine } from '../support/command-line.js';
import { createRelyingParty, obtainTokens, refusalOf, startDeclaredServer } from '../support/relying-party.js';
import type { TestServer } from '../support/server.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-backup-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const OTHER_KEY = Buffer.from('vutsrqponmlkjihgfedcba9876543210').toString('base64');

describe('a backup of the embedded database', () => {
  let server: TestServer;
  let latchkey: CommandLine;
  beforeAll(async () => {
    await ensureBuilt();
    server = await startDeclaredServer();
    latchkey = besideServer(server.config);
  });
  afterAll(() => server?.close());

  it('is the state of one moment, whole and for its owner only, however much is written meanwhile', async () => {
    const { client } = server.services.db;
    let running = true;
    let written = 0;
    // Two rows that are always equal, as far as anybody may see.
    const writer = (async () => {
      for (; running; written++) {
        // The database answers on this very thread: without a turn for others nothing else would ever happen.
        await nextTurn();
        await client.$transaction(
          ['left', 'right'].map(
            (
              key,
            ) => client.$executeRaw`INSERT INTO limit_counters (key, count, level, expires_at) VALUES (${`pair ${key}`}, 1, 0, ${new Date(Date.now() + 3_600_000)})
              ON CONFLICT (key) DO UPDATE SET count = limit_counters.count + 1`,
          ),
        );
      }
    })();
    const seen: number[] = [];
    try {
      for (const name of ['one.db', 'two.db', 'three #3?.db']) {
        const file = path.join(folder, name);
        const before = written;
        const { code, stderr } = await latchkey.spawn(['backup', file]);
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        expect(written).toBeGreaterThan(before + 5);
        expect(statSync(file).mode & 0o777).toBe(0o600);
        const copy = createClient({ url: `file:${encodeURIComponent(file)}` });
        const { rows } = await copy.execute("SELECT count FROM limit_counters WHERE key LIKE 'pair %'");
        expect(rows).toHaveLength(2);
        expect(rows[0]?.count).toBe(rows[1]?.count);
        seen.push(Number(rows[0]?.count));
        expect((await copy.execute('PRAGMA integrity_check')).rows[0]?.integrity_check).toBe('ok');
        copy.close();
      }
    } finally {
      running = false;
      await writer;
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(readdirSync(folder).sort()).toEqual(['one.db', 'three #3?.db', 'two.db']);
  });

  it('never takes the place of a file that is there', async () => {
    const file = path.join(folder, 'precious');
    writeFileSync(file, 'mine');
    const { code, stderr } = await latchkey.run(['backup', file]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Error: .*precious is there already\./);
    expect(statSync(file).size).toBe(4);
    rmSync(file);
  });

  it('is refused for PostgreSQL, with what to use instead', async () => {
    const { code, stderr } = await latchkey.run(['backup', path.join(folder, 'x')], {
      env: { DATABASE_URL: 'postgresql://127.0.0.1:1/x' },
    });
    expect(code).toBe(1);
    expect(stderr).toContain('pg_dump --format=custom');
  });
});

describe('a restored backup', () => {
  it('is an older state in which nothing that was used since works again, and sign-ins have to be made anew', async () => {
    const server = await startDeclaredServer();
    const latchkey = besideServer(server.config);
    const shop = await createRelyingParty(server, 'shop');
    const { tokens, email } = await obtainTokens(server, shop);
    const pending = await shop.begin();
    const backup = path.join(folder, 'older.db');
    await latchkey.json(['backup', backup]);
    // Used after the backup: in the older state this very token is unused.
    await oidc.refreshTokenGrant(shop.config, tokens.refresh_token ?? '');
    const inUse = await latchkey.run(['restore', backup, '--yes']);
    expect(inUse).toMatchObject({ code: 1, stdout: '' });
    expect(inUse.stderr).toMatch(
      /^Error: Something has .* open: a server, or another command\.\nStop the server first\. Nothing was changed\./,
    );

    const database = path.join(folder, 'restored.db');
    copyFileSync(backup, database);
    const env = { DATABASE_URL: `file:${database}` };
    expect(await latchkey.run(['restore', backup], { env })).toMatchObject({ code: 1, stderr: expect.stringContaining('Add --yes') });
    const { ended, kept, api_keys } = await latchkey.json(['restore', backup, '--yes'], { env });
    expect(ended).toMatchObject({ grants: 1, sessions: expect.any(Number), artifacts: expect.any(Number) });
    expect(api_keys).toEqual({ living: 0, revoked: 0 });
    expect(existsSync(kept)).toBe(true);
    expect(statSync(database).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => /restoring|-wal|-shm/.test(name))).toEqual([]);

    const { startTestServer } = await import('../support/server.js');
    const again = await startTestServer({ databaseUrl: `file:${database}` });
    const sameShop = await createRelyingParty(again, 'shop');
    expect(await refusalOf(oidc.refreshTokenGrant(sameShop.config, tokens.refresh_token ?? ''))).toMatchObject({ error: 'invalid_grant' });
    expect(await again.services.sessions.countActive()).toBe(0);
    expect(await again.services.identity.accounts.findByEmail(email)).toMatchObject({ status: 'active' });
    expect(await again.services.db.client.auditEvent.count({ where: { type: 'database.restored' } })).toBe(1);
    expect(pending.url.href).toContain('client_id=shop');
    await again.close();
    await server.close();
  });

  it('can keep its sign-ins where nothing was served since, and end API keys on request', async () => {
    const server = await startDeclaredServer();
    const latchkey = besideServer(server.config);
    const { accountId } = await obtainTokens(server, await createRelyingParty(server, 'ours'));
    await server.services.db.client.apiKey.create({
      data: { id: 'k', accountId, keyHash: 'h', prefix: 'p', name: 'n', permissions: '', createdAt: new Date() },
    });
    const backup = path.join(folder, 'same.db');
    await latchkey.json(['backup', backup]);
    await server.close();
    const env = { DATABASE_URL: `file:${path.join(folder, 'moved.db')}` };
    const { ended, kept, api_keys } = await latchkey.json(['restore', backup, '--keep-sign-ins', '--revoke-api-keys', '--yes'], { env });
    expect({ ended, kept, api_keys }).toEqual({ ended: null, kept: null, api_keys: { living: 0, revoked: 1 } });
  });

  it('that is damaged, no database, or sealed under another key is refused and changes nothing', async () => {
    const server = await startDeclaredServer();
    const latchkey = besideServer(server.config);
    const whole = path.join(folder, 'whole.db');
    await latchkey.json(['backup', whole]);
    await server.close();
    const database = path.join(folder, 'stays.db');
    writeFileSync(database, 'untouched');
    const env = { DATABASE_URL: `file:${database}` };
    const text = path.join(folder, 'text');
    writeFileSync(text, 'not a database, but long enough to look like one'.repeat(200));
    const torn = path.join(folder, 'torn.db');
    copyFileSync(whole, torn);
    const { truncateSync } = await import('node:fs');
    truncateSync(torn, Math.floor(statSync(whole).size / 2 / 4096) * 4096);
    for (const [file, message] of [
      [text, /cannot be used: it is no database/],
      [torn, /cannot be used/],
    ] as const) {
      const { code, stderr } = await latchkey.run(['restore', file, '--yes'], { env });
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
    }
    const sealed = await latchkey.run(['restore', whole, '--yes'], { env: { ...env, KEY_ENCRYPTION_KEY: OTHER_KEY } });
    expect(sealed).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('KEY_ENCRYPTION_KEY is not the one') });
    expect(readdirSync(folder).filter((name) => name.includes('restoring'))).toEqual([]);
    expect(statSync(database).size).toBe(9);
  });
});
