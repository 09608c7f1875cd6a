import path from 'node:path';
import type { BuildOptions, Metafile } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';

const { bundle, LEFT_OUTSIDE } = (await import(path.resolve(import.meta.dirname, '../../scripts/bundle.mjs'))) as {
  bundle(options: BuildOptions): Promise<{ metafile: Metafile }>;
  LEFT_OUTSIDE: readonly string[];
};

let metafile: Metafile;
beforeAll(async () => {
  ({ metafile } = await bundle({ write: false, outdir: 'unused' }));
});

const packageOf = (file: string) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];

/** What starting at a source file loads before anything is asked of it: our files, packages, and what is left outside of the bundle. */
function loadedWith(entryPoint: string): { files: Set<string>; packages: Set<string>; bytes: number } {
  const outputs = new Set<string>();
  const outside = new Set<string>();
  const load = (file: string): void => {
    const output = metafile.outputs[file];
    if (!output || outputs.has(file)) return;
    outputs.add(file);
    for (const { path: name, kind, external } of output.imports) {
      if (external) outside.add(name);
      else if (kind === 'import-statement') load(name);
    }
  };
  const [first] = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === entryPoint) ?? [];
  if (!first) throw new Error(`${entryPoint} is no entry`);
  load(first);
  const inputs = [...outputs].flatMap((name) => Object.keys(metafile.outputs[name]?.inputs ?? {}));
  return {
    files: new Set(inputs.filter((file) => file.startsWith('src/'))),
    packages: new Set([...inputs.map(packageOf).filter((name) => name !== undefined), ...outside]),
    bytes: [...outputs].reduce((sum, name) => sum + (metafile.outputs[name]?.bytes ?? 0), 0),
  };
}

describe('the build', () => {
  it('leaves outside what import() loads from CommonJS, whose named exports only Node finds', () => {
    const later = Object.values(metafile.outputs).flatMap(({ entryPoint }) => (entryPoint?.includes('node_modules') ? [entryPoint] : []));
    expect(later.length).toBeGreaterThan(0);
    expect(later.filter((file) => !file.endsWith('.mjs'))).toEqual([]);
    expect(LEFT_OUTSIDE).toEqual(expect.arrayContaining(['@zxcvbn-ts/core']));
  });

  it('has the query compilers as files, not as text in a module', () => {
    const compilers = Object.entries(metafile.outputs).filter(([name]) => name.endsWith('.bytes'));
    expect(compilers).toHaveLength(2);
    for (const [, { bytes }] of compilers) expect(bytes).toBeGreaterThan(1_000_000);
    const scripts = Object.entries(metafile.outputs).filter(([name]) => name.endsWith('.js'));
    expect(scripts.filter(([, { bytes }]) => bytes > 2_000_000)).toEqual([]);
  });

  it('loads of the server nothing but the supervisor where there are several workers', () => {
    const { packages } = loadedWith('src/main.ts');
    expect([...packages]).toContain('pino');
    expect([...packages].filter((name) => /^(koa|oidc-provider|@prisma|libsql|pg$|argon2|nodemailer|ejs)/.test(name))).toEqual([]);
  });
});
