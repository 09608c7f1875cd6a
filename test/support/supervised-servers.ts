import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { ensureBuilt } from './built.js';
import { createDatabaseUrl } from './database.js';
import { freePort } from './ports.js';
import { type ServerChild, startServerChild } from './server-child.js';

/** The processes that a process has started. */
export const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

/** Built servers over one PostgreSQL database for the tests of a file. Each is killed after its test. */
export function superviseServers(): (env: Record<string, string>) => Promise<{ child: ServerChild; port: number }> {
  let database: Awaited<ReturnType<typeof createDatabaseUrl>>;
  const running: ServerChild[] = [];
  beforeAll(async () => {
    await ensureBuilt();
    database = await createDatabaseUrl('postgresql', 'server');
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((child) => child.kill()));
  });
  afterAll(() => database.drop());
  return async (env) => {
    const port = await freePort();
    const child = await startServerChild({
      ...{ DATABASE_URL: database.url, DATA_DIR: '/tmp', HOST: 'localhost', PORT: String(port) },
      ...env,
    });
    running.push(child);
    return { child, port };
  };
}
