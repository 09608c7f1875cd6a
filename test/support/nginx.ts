import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createCertificate } from './certificates.js';
import { freePort } from './ports.js';

const example = path.resolve(import.meta.dirname, '../../scripts/nginx/latchkey.conf');

/** Where nginx is, or undefined where there is none. */
export const nginxPath = [process.env.NGINX_PATH, '/usr/sbin/nginx', '/usr/bin/nginx', '/usr/local/sbin/nginx'].find(
  (file) => file !== undefined && existsSync(file),
);

/** A mistake: lines of the example that are written otherwise. */
export type Mistake = readonly (readonly [line: string | RegExp, instead: string])[];

export type TestNginx = {
  port: number;
  /** where it answers by plain http */
  plainPort: number;
  /** file of the authority that signed its certificate */
  authorityFile: string;
  authority: string;
  /** Starts anew with the example, changed by a mistake, before a server on this port. */
  serve(options: { upstreamPort: number; mistake?: Mistake }): Promise<void>;
  stop(): Promise<void>;
};

/** The example configuration of this repository, run by the real nginx with an authority of its own. */
export async function createNginx(): Promise<TestNginx> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-nginx-'));
  const authority = createCertificate({ subject: [['CN', 'Test authority']], isAuthority: true });
  const certificate = createCertificate({ subject: [['CN', 'localhost']], names: [{ kind: 'dns', value: 'localhost' }], authority });
  const file = (name: string, text: string) => {
    writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    return path.join(folder, name);
  };
  const authorityFile = file('authority.pem', authority.pem);
  const chain = file('fullchain.pem', certificate.pem + authority.pem);
  const key = file('privkey.pem', certificate.keyPem);
  for (const name of ['body', 'proxy']) mkdirSync(path.join(folder, name));
  const [port, plainPort] = [await freePort(), await freePort()];
  let running: ChildProcess | undefined;

  async function stop(): Promise<void> {
    const child = running;
    running = undefined;
    if (!child || child.exitCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await gone;
  }

  return {
    port,
    plainPort,
    authorityFile,
    authority: authority.pem,
    async serve({ upstreamPort, mistake = [] }) {
      await stop();
      const places: Mistake = [
        ['server 127.0.0.1:3000;', `server localhost:${upstreamPort};`],
        ['/etc/nginx/tls/fullchain.pem', chain],
        ['/etc/nginx/tls/privkey.pem', key],
        ['listen 80;', `listen 127.0.0.1:${plainPort};`],
        [/listen 443/g, `listen 127.0.0.1:${port}`],
        [/login\.example\.com/g, 'localhost'],
      ];
      let text = readFileSync(example, 'utf8');
      for (const [line, instead] of [...places, ...mistake]) {
        // A function: nginx means its own variables by $host, and not what replace() would.
        const changed = text.replace(line, () => instead);
        if (changed === text) throw new Error(`the example has no ${line}`);
        text = changed;
      }
      const main = `daemon off;\nmaster_process off;\npid ${folder}/pid;\nerror_log ${folder}/error.log warn;\nevents {}\nhttp {\naccess_log off;
client_body_temp_path ${folder}/body;\nproxy_temp_path ${folder}/proxy;\nfastcgi_temp_path ${folder}/proxy;\nuwsgi_temp_path ${folder}/proxy;\nscgi_temp_path ${folder}/proxy;\n${text}\n}\n`;
      const child = spawn(nginxPath ?? '', ['-p', folder, '-c', file('nginx.conf', main)], { stdio: ['ignore', 'ignore', 'pipe'] });
      let complaints = '';
      child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        complaints += chunk;
      });
      running = child;
      while (!(await isOpen(port))) {
        if (child.exitCode !== null) throw new Error(`nginx did not start:\n${complaints}`);
        await delay(10);
      }
    },
    async stop() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
