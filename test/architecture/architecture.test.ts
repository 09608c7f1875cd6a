import path from 'node:path';
import { build, type PluginBuild } from 'esbuild';
import { describe, expect, it } from 'vitest';
import * as rules from './rules.js';
import { importsOf, readSources, root, withoutComments } from './sources.js';

const sources = readSources(['src', 'test', 'scripts']);

/** A made-up tree, to show that a rule bites. */
const tree = (files: Record<string, string>) => Object.entries(files).map(([path, text]) => ({ path, text }));

type Case = { rule: rules.Rule; says: string; bad: Record<string, string>; finds: number; good: Record<string, string> };

const cases: Case[] = [
  {
    rule: rules.importsPointOneWay,
    says: 'imports point one way: platform, identity, oidc, then pages, api and cli, then app and main',
    bad: {
      'src/platform/mail/index.ts': `import { a } from '../../identity/index.js';`,
      'src/identity/index.ts': `import type { A } from '../oidc/grants/index.js';`,
      'src/oidc/claims.ts': `export { page } from '../pages/page-kit.js';`,
      'src/pages/page-kit.ts': `const api = await import('../api/index.js');`,
      'src/api/index.ts': `import { loadConfig } from '../config/index.js';`,
      'src/services.ts': `import './app.js';\nimport { kit } from './pages/page-kit.js';`,
      'src/config/index.ts': `import { now } from '../platform/clock.js';`,
      'src/oidc/provider.ts': `import { server } from '../../test/support/server.js';`,
      'src/helping/index.ts': '',
    },
    finds: 10,
    good: {
      'src/identity/index.ts': `import { now } from '../platform/clock.js';\nimport type { Config } from '../config/index.js';`,
      'src/cli/index.ts': `import { createServices } from '../services.js';`,
      'src/services.ts': `import { createRenderer } from './render/index.js';`,
      'src/serve.ts': `import { createApp } from './app.js';\nimport http from 'node:http';`,
      'src/main.ts': `const { serve } = await import('./serve.js');`,
    },
  },
  {
    rule: rules.noCycles,
    says: 'no file imports itself, by whatever way',
    bad: {
      'src/oidc/a.ts': `import { b } from './b.js';`,
      'src/oidc/b.ts': `export * from './c.js';`,
      'src/oidc/c.ts': `import './a.js';`,
    },
    finds: 1,
    good: { 'src/oidc/a.ts': `import { b } from './b.js';`, 'src/oidc/b.ts': `import type { A } from './a.js';` },
  },
  {
    rule: rules.featuresAreEnteredThroughTheirIndex,
    says: 'features are entered through their index.ts',
    bad: {
      'src/identity/index.ts': '',
      'src/identity/login/index.ts': '',
      'src/identity/accounts/index.ts': '',
      'src/identity/accounts/service.ts': '',
      'src/identity/login/service.ts': `import type { A } from '../accounts/service.js';`,
      'src/oidc/claims.ts': `import { login } from '../identity/login/index.js';`,
    },
    finds: 2,
    good: {
      'src/identity/index.ts': `export * from './login/index.js';`,
      'src/identity/login/index.ts': `export * from './service.js';`,
      'src/identity/login/service.ts': '',
      'src/identity/accounts/index.ts': `import { a } from '../login/index.js';`,
      'src/oidc/claims.ts': `import { login } from '../identity/index.js';\nimport { now } from '../platform/clock.js';`,
      'src/platform/clock.ts': '',
    },
  },
  {
    rule: rules.everyFolderSaysWhatItOwns,
    says: 'every feature folder has an index.ts that opens with what it owns',
    bad: { 'src/oidc/grants/service.ts': '', 'src/pages/account/index.ts': `import Router from '@koa/router';` },
    finds: 2,
    good: { 'src/oidc/grants/index.ts': '/**\n * Owns: what applications were given.\n */\n', 'src/oidc/provider.ts': '' },
  },
  {
    rule: rules.onlyConfigReadsTheEnvironment,
    says: 'only config/ reads the environment',
    bad: {
      'src/main.ts': 'process.env.UV_THREADPOOL_SIZE ??= "8";',
      'src/platform/log/index.ts': `import { env } from 'node:process';`,
      'src/app.ts': 'const { env } = process;',
      'src/cli.ts': `const all = process['env'];`,
    },
    finds: 4,
    good: { 'src/config/index.ts': 'const all = process.env;', 'src/main.ts': '// process.env is read by config\nprocess.exit(1);' },
  },
  {
    rule: rules.onlyTheClockReadsTheTime,
    says: 'time is read in one place',
    bad: { 'src/oidc/a.ts': 'const at = Date.now();', 'src/oidc/b.ts': 'const at = new Date();' },
    finds: 2,
    good: { 'src/platform/clock.ts': 'Date.now()', 'src/oidc/a.ts': 'const at = new Date(row.at); // not Date.now()' },
  },
  {
    rule: rules.onlyRepositoriesQuery,
    says: 'only repositories, the adapter and the platform query the database',
    bad: {
      'src/identity/accounts/service.ts': 'await deps.db.client.account.create({ data });',
      'src/oidc/clients/service.ts': 'const { client } = deps.db;',
      'src/services.ts': 'await client.$queryRaw`SELECT 1`;',
      'src/pages/account/index.ts': 'await tx.account.findMany();',
    },
    finds: 4,
    good: {
      'src/identity/accounts/repository.ts': 'db.client.account.findMany()',
      'src/oidc/adapter/grants.ts': 'db.client.$executeRaw``',
      'src/identity/accounts/service.ts': 'await repository.list();',
    },
  },
  {
    rule: rules.onlyTheDatabasePartKnowsTheDrivers,
    says: 'only platform/db knows Prisma and the drivers',
    bad: {
      'src/identity/accounts/repository.ts': `import type { Account } from '../../platform/db/generated/sqlite/client.js';`,
      'src/services.ts': `import { PrismaPg } from '@prisma/adapter-pg';`,
      'src/cli.ts': `import pg from 'pg';`,
    },
    finds: 3,
    good: {
      'src/platform/db/database.ts': `import { PrismaPg } from '@prisma/adapter-pg';\nimport { A } from './generated/sqlite/client.js';`,
    },
  },
  {
    rule: rules.onlyOneFileTellsTheDatabasesApart,
    says: 'which database it is, is asked in one part',
    bad: { 'src/oidc/sessions/repository.ts': `if (db.provider === 'sqlite') return;` },
    finds: 1,
    good: { 'src/platform/db/database.ts': `provider === 'postgresql'` },
  },
  {
    rule: rules.onlyOidcKnowsTheLibrary,
    says: 'only oidc/ knows oidc-provider',
    bad: {
      'src/pages/interaction/index.ts': `import type { Provider } from 'oidc-provider';`,
      'src/app.ts': `import P from 'oidc-provider';`,
    },
    finds: 2,
    good: { 'src/oidc/provider.ts': `import { Provider } from 'oidc-provider';` },
  },
  {
    rule: rules.thereIsOneAsyncLocalStorage,
    says: 'what follows the work of a request is kept in one place',
    bad: { 'src/oidc/provider-fetch.ts': `import { AsyncLocalStorage } from 'node:async_hooks';` },
    finds: 1,
    good: { 'src/platform/trace/index.ts': `import { AsyncLocalStorage } from 'node:async_hooks';` },
  },
  {
    rule: rules.servicesKnowNoRequest,
    says: 'no service knows a request',
    bad: {
      'src/identity/login/index.ts': `import type { Context } from 'koa';`,
      'src/oidc/clients/admin.ts': `import Router from '@koa/router';`,
      'src/render/index.ts': `import type { Context } from 'koa';`,
      'src/oidc/grants/service.ts': 'export const end = (ctx: unknown) => ctx;',
    },
    finds: 4,
    good: { 'src/pages/page-kit.ts': `import type { Context } from 'koa';`, 'src/oidc/lifetimes.ts': 'const ttl = (ctx) => 1;' },
  },
  {
    rule: rules.filesAreShort,
    says: 'no file has more than 300 lines',
    bad: { 'scripts/long.mjs': 'a\n'.repeat(301) },
    finds: 1,
    good: { 'scripts/short.mjs': 'a\n'.repeat(300) },
  },
  {
    rule: rules.namesAreNouns,
    says: 'files and folders are kebab-case nouns, never drawers',
    bad: { 'src/utils/a.ts': '', 'src/oidc/client-manager.ts': '', 'test/support/helpers.ts': '', 'src/oidc/signingKeys.ts': '' },
    finds: 4,
    good: { 'src/identity/passwords/common-passwords.ts': '', 'test/unit/two.test.ts': '', 'vitest.config.ts': '' },
  },
  {
    rule: rules.nothingIsLeftForLater,
    says: 'nothing is left for later, and no test is switched off',
    bad: { 'src/a.ts': `// ${'TO'}${'DO'}: mend`, 'test/a.test.ts': `it.${'sk'}${'ip'}('a', () => {});` },
    finds: 2,
    good: { 'src/a.ts': '// todos is the name of a demo', 'test/a.test.ts': `it('a', () => {});` },
  },
];

describe.each(cases)('$says', ({ rule, bad, finds, good }) => {
  it('holds for this tree', () => {
    expect(rule(sources)).toEqual([]);
  });

  it('finds each fault of a tree that breaks it', () => {
    const found = rule(tree(bad));
    expect(found).toHaveLength(finds);
    expect(new Set(found).size).toBe(finds);
  });

  it('leaves a tree alone that keeps it', () => {
    expect(rule(tree(good))).toEqual([]);
  });
});

/** The bundler reads each file by itself; what it imports is noted as the rules note it. */
const externalUnlessEntry: Parameters<PluginBuild['onResolve']>[1] = ({ kind, path: to, importer }) => {
  if (kind === 'entry-point') return null;
  const from = path.relative(root, importer);
  return { external: true, path: to.startsWith('.') ? path.posix.join(path.posix.dirname(from), to).replace(/\.js$/, '.ts') : to };
};

describe('the reading of imports', () => {
  it('sees every import that the bundler sees', async () => {
    const entryPoints = sources.filter((file) => file.path.startsWith('src/')).map((file) => path.join(root, file.path));
    const { metafile } = await build({
      entryPoints,
      bundle: true,
      platform: 'node',
      format: 'esm',
      outdir: 'unused',
      write: false,
      metafile: true,
      absWorkingDir: root,
      plugins: [{ name: 'stop-at-each-import', setup: (bundler) => bundler.onResolve({ filter: /^/ }, externalUnlessEntry) }],
    });
    const seen = new Set(sources.flatMap(importsOf).map(({ from, to }) => `${from} -> ${to}`));
    const bundled = Object.entries(metafile.inputs).flatMap(([from, { imports }]) => imports.map(({ path: to }) => `${from} -> ${to}`));
    expect(bundled.length).toBeGreaterThan(50);
    expect(bundled.filter((edge) => !seen.has(edge))).toEqual([]);
  });

  it('shows that the command line loads what a command needs when it is called, so that help waits for nothing', async () => {
    const { metafile } = await build({
      entryPoints: [path.join(root, 'src/cli.ts')],
      ...{ bundle: true, splitting: true, packages: 'external', platform: 'node', format: 'esm' },
      ...{ outdir: 'unused', write: false, metafile: true, absWorkingDir: root },
    });
    const loaded = new Set<string>();
    const load = (output: string) => {
      if (loaded.has(output)) return;
      loaded.add(output);
      for (const { path: to, kind } of metafile.outputs[output]?.imports ?? []) if (kind === 'import-statement') load(to);
    };
    for (const output of Object.keys(metafile.outputs)) if (metafile.outputs[output]?.entryPoint === 'src/cli.ts') load(output);
    expect([...loaded]).toContain('commander');
    expect([...loaded].filter((name) => !name.startsWith('node:') && !name.includes('unused/'))).toEqual(['commander']);
  });

  it('tells code from prose, and an import of types from one of values', () => {
    expect(withoutComments(`const a = 'http://x'; // b\n/* c */ d`)).toBe(`const a = 'http://x'; \n d`);
    const text = `import a, { type B } from './b.js';\nimport type { C } from './c.js';\nexport {\n  d,\n} from './d.js';\n// import './no.js';\nimport 'e';`;
    expect(importsOf({ path: 'src/oidc/a.ts', text }).map(({ to, kind }) => [to, kind])).toEqual([
      ['src/oidc/b.ts', 'value'],
      ['src/oidc/c.ts', 'type'],
      ['src/oidc/d.ts', 'value'],
      ['e', 'package'],
    ]);
  });
});
