import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.js';

/** Where PgBouncer is on this machine; undefined: nowhere, and what needs it is left out (see scripts/test.mjs). */
export const pgbouncer = [process.env.PGBOUNCER_PATH, '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'].find(
  (candidate) => candidate && existsSync(candidate),
);

export type Pooler = { url(database: string): string; stop(): Promise<void> };

const READY_TIMEOUT_MS = 10_000;

/**
 * PgBouncer in transaction mode, at its strictest: few server connections, so that those of one client change all the time, and no help with
 * named prepared statements.
 */
export async function startPooler(serverUrl: string, { serverConnections = 4 } = {}): Promise<Pooler> {
  const server = new URL(serverUrl);
  const port = await freePort();
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-pooler-'));
  chmodSync(folder, 0o755);
  const file = path.join(folder, 'pgbouncer.ini');
  writeFileSync(
    file,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${server.username} password=${server.password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${serverConnections}
max_client_conn = 200
${helpsWithStatements() ? 'max_prepared_statements = 0\n' : ''}`,
  );
  // It refuses to run as root.
  const asOther = process.getuid?.() === 0 ? ['--user', 'nobody'] : [];
  const child = spawn(pgbouncer ?? 'pgbouncer', [...asOther, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const gone = once(child, 'exit');
  const until = Date.now() + READY_TIMEOUT_MS;
  while (!(await answers(port))) {
    if (child.exitCode !== null || Date.now() > until) throw new Error(`pgbouncer did not start:\n${said}`);
    await delay(20);
  }
  return {
    url: (database) => `postgresql://${server.username}:${server.password}@127.0.0.1:${port}/${database}`,
    async stop() {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 2000);
      await gone;
      clearTimeout(force);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** PgBouncer 1.21 and later follow named prepared statements unless told not to. */
function helpsWithStatements(): boolean {
  const [, major = 0, minor = 0] =
    /PgBouncer (\d+)\.(\d+)/.exec(spawnSync(pgbouncer ?? '', ['--version'], { encoding: 'utf8' }).stdout) ?? [];
  return Number(major) > 1 || Number(minor) >= 21;
}

const answers = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('close', () => undefined);
    setTimeout(() => socket.destroy(), 100).unref();
  });
