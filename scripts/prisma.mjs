// Makes the two Prisma clients without the schema engine, which generate and validate ask for but never run.
// Prisma wants one folder of schema files, so the shared models and a provider's header are composed in .build/.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '..');
export const providers = ['sqlite', 'postgresql'];

/** Composes one provider's schema folder and returns its path. */
export function composeSchema(provider) {
  const folder = path.join(root, '.build', 'prisma', provider);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(path.join(root, 'prisma', 'models'), folder, { recursive: true });
  cpSync(path.join(root, 'prisma', provider, 'schema.prisma'), path.join(folder, 'schema.prisma'));
  return folder;
}

/** Generates both typed clients into src/platform/db/generated. */
export function generateClients() {
  const cli = createRequire(path.join(root, 'package.json')).resolve('prisma/build/index.js');
  for (const provider of providers) {
    const schema = composeSchema(provider);
    const run = spawnSync(process.execPath, [cli, 'generate', '--schema', schema, '--no-hints'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: '1', CHECKPOINT_DISABLE: '1' },
    });
    if (run.status !== 0) throw new Error(`prisma generate failed for ${provider}:\n${run.stdout}${run.stderr}`);
  }
}
