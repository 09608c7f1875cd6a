import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureBuilt, runNode } from '../support/built.js';
import { testEnvironment } from '../support/environment.js';

const main = path.resolve(import.meta.dirname, '../../dist/main.js');

let folder: string;
const file = (name: string, content: unknown) => {
  writeFileSync(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  return path.join(folder, name);
};
/** What a server says that does not start; the library's word about the version of Node apart. */
async function refusalWith(env: Record<string, string>): Promise<string> {
  const { code, stderr } = await runNode([main], {
    env: { ...testEnvironment, PORT: '0', ISSUER_URL: 'http://localhost:3000', DATA_DIR: path.join(folder, 'data'), ...env },
    cwd: folder,
  });
  expect(code, stderr).toBe(1);
  return stderr.replace(/^oidc-provider WARNING: .*\n/gm, '');
}

beforeAll(async () => {
  await ensureBuilt();
  folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-start-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a server that cannot start', () => {
  it('lists the faults of the settings and of the files they name together, each with its mend', async () => {
    const names = { CLIENTS_FILE: 'none.json', RESOURCES_FILE: '.', BRAND_LOGO: 'none.png', PORT: 'x', LOG_LEVEL: 'loud' };
    const told = await refusalWith(names);
    expect(told).toMatch(/^The configuration has 5 faults:\n/);
    for (const name of Object.keys(names)) expect(told).toContain(`  - ${name} `);
    expect(told).not.toContain('\n    at ');
  });

  it('lists every fault of both declarations, with its place, and has made nothing yet', async () => {
    const told = await refusalWith({
      CLIENTS_FILE: file('clients.json', [{ client_id: 'a', redirect_uris: ['javascript:1'] }, { client_id: 'a' }]),
      RESOURCES_FILE: file('resources.json', [{ identifier: 'orders', name: 'Orders', scopes: 'read' }]),
    });
    expect(told).toMatch(/^Latchkey cannot start: RESOURCES_FILE\[0\]\.identifier: /);
    for (const place of ['RESOURCES_FILE[0].scopes', 'CLIENTS_FILE[0].redirect_uris[0]', 'CLIENTS_FILE[1]']) expect(told).toContain(place);
    expect(readdirSync(folder)).not.toContain('data');
  });

  it.each([
    ['is not reached', 'postgresql://latchkey:hunter2@127.0.0.1:1/latchkey', 'The database cannot be reached.'],
    ['lies in no folder', 'file:/etc/hostname/latchkey.db', 'The database file cannot be opened.'],
    ['is no database', 'file:NOTES', 'The database file is not a database.'],
  ])('because its database %s says so and what to do, without the address and its password', async (_, databaseUrl, words) => {
    const DATABASE_URL = databaseUrl.replace('NOTES', file('notes.txt', 'This is no database.'.repeat(100)));
    const told = await refusalWith({ DATABASE_URL });
    expect(told).toMatch(new RegExp(`^Latchkey cannot start: ${words.replaceAll('.', '\\.')} .*DATABASE_URL.*\n$`));
  });

  it('tells the whole error to whoever sets LOG_LEVEL=debug, and no password with it', async () => {
    const told = await refusalWith({ DATABASE_URL: 'postgresql://latchkey:hunter2@127.0.0.1:1/latchkey', LOG_LEVEL: 'debug' });
    expect(told).toContain('\n    at ');
    expect(told).not.toContain('hunter2');
  });

  it('because its port is taken says so, and which setting to change', async () => {
    const other = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as net.AddressInfo;
    const told = await refusalWith({ PORT: String(port) });
    expect(told).toMatch(/^Latchkey cannot start: .*address already in use.* set PORT to a free port\.\n$/);
    other.close();
  });
});
