// npm test [-- VITEST OPTIONS]: everything but the browser tests and the long ones; npm run test:browser and test:durability run those.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { ensureBuilt } from './build.mjs';
import { root } from './prisma.mjs';

// One that is named is the one that is meant.
const browserCandidates = process.env.CHROMIUM_PATH
  ? [process.env.CHROMIUM_PATH]
  : ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

await ensureBuilt();
const given = process.argv.slice(2);
const [mode, ...rest] = ['browser', 'durability'].includes(given[0]) ? given : ['node', ...given];
const browser = browserCandidates.find((candidate) => existsSync(candidate));
if (mode === 'browser' && !browser) {
  console.error('No Chromium found. Install one (Debian: apt-get install chromium) or set CHROMIUM_PATH.');
  process.exit(1);
}
const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
const run = spawnSync(
  process.execPath,
  [vitest, 'run', '--project', mode, ...(mode === 'durability' ? ['--no-file-parallelism'] : []), ...rest],
  {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...(browser ? { CHROMIUM_PATH: browser } : {}) },
  },
);
if (mode === 'node') {
  const files = readdirSync(path.join(root, 'test', 'browser')).filter((name) => name.endsWith('.test.ts')).length;
  console.log(
    browser
      ? `\nThe browser tests (${files} files) are apart: npm run test:browser`
      : `\nSKIPPED: the browser tests (${files} files), for want of a Chromium. Install one (Debian: apt-get install chromium) and run: npm run test:browser`,
  );
}
const poolers = [process.env.PGBOUNCER_PATH, '/usr/sbin/pgbouncer', '/usr/bin/pgbouncer'];
if (mode === 'node' && !poolers.some((candidate) => candidate && existsSync(candidate))) {
  console.log(
    'Skipped: PostgreSQL behind a pooler (no PgBouncer on this machine). Install one (Debian: apt-get install pgbouncer) and run again.',
  );
}
process.exit(run.status ?? 1);
