// Builds dist/ and dist-demo/ from the TypeScript sources when they are out of date: a content stamp decides, so a second start is quick.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buildServer } from './bundle.mjs';
import { generateClients, root } from './prisma.mjs';

const stampFile = path.join(root, '.build', 'stamp.json');

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

function stampOf(files) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(path.relative(root, file)).update('\0').update(readFileSync(file)).update('\0');
  return hash.digest('hex');
}

const readStamps = () => (existsSync(stampFile) ? JSON.parse(readFileSync(stampFile, 'utf8')) : {});

function writeStamps(stamps) {
  mkdirSync(path.dirname(stampFile), { recursive: true });
  writeFileSync(stampFile, JSON.stringify(stamps, null, 2));
}

/** Generates the typed database clients when the models have changed. */
export function ensureClients() {
  const stamps = readStamps();
  const models = stampOf([
    ...filesBelow(path.join(root, 'prisma', 'models')),
    ...['sqlite', 'postgresql'].map((provider) => path.join(root, 'prisma', provider, 'schema.prisma')),
    path.join(root, 'package.json'),
  ]);
  const generated = path.join(root, 'src', 'platform', 'db', 'generated');
  if (stamps.models === models && existsSync(path.join(generated, 'postgresql', 'client.ts'))) return false;
  rmSync(generated, { recursive: true, force: true });
  generateClients();
  writeStamps({ ...readStamps(), models });
  return true;
}

/** The demo is for development, and small: each file by itself. */
async function transpile(from, to) {
  const { build } = await import('esbuild');
  rmSync(path.join(root, to), { recursive: true, force: true });
  await build({
    entryPoints: filesBelow(path.join(root, from)).filter((file) => file.endsWith('.ts')),
    outdir: path.join(root, to),
    outbase: path.join(root, from),
    format: 'esm',
    platform: 'node',
    target: 'node20',
    sourcemap: 'linked',
    logLevel: 'warning',
  });
}

/** Brings everything up to date. Returns true when something was built. */
export async function ensureBuilt({ quiet = false } = {}) {
  let built = ensureClients();
  const packages = ['package.json', 'package-lock.json'].map((name) => path.join(root, name));
  for (const [from, to] of [
    ['src', 'dist'],
    ['scripts/demo', 'dist-demo'],
  ]) {
    const stamp = stampOf([...filesBelow(path.join(root, from)), ...packages, path.join(root, 'scripts', 'bundle.mjs')]);
    const stamps = readStamps();
    if (stamps[to] === stamp && existsSync(path.join(root, to))) continue;
    if (!quiet) process.stderr.write(`building ${to}/ ...\n`);
    const files = to === 'dist' ? await buildServer(stamps.files ?? []) : await transpile(from, to);
    writeStamps({ ...readStamps(), [to]: stamp, ...(files ? { files } : {}) });
    built = true;
  }
  return built;
}

if (import.meta.filename === path.resolve(process.argv[1] ?? '')) {
  await ensureBuilt();
}
