// Puts the server and the command line, with the packages they use, into few files. Loading 1,200 modules one by one took most of a start.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './prisma.mjs';

/** What is read from node_modules at run time: it has machine code, or files of its own that it looks for. */
export const LEFT_OUTSIDE = [
  '@node-rs/bcrypt',
  '@zxcvbn-ts/core',
  '@zxcvbn-ts/language-common',
  '@zxcvbn-ts/language-en',
  'argon2',
  'libsql',
  'pg-native',
  'pino',
  'pino-pretty',
  'swagger-ui-dist',
];

/** Programs, and what scripts read. */
const ENTRIES = ['main.ts', 'cli.ts', 'config/settings.ts'];

const PARTS = 'parts';

/**
 * Prisma brings its query compiler as base64 in a module, which stays in memory as the module's text and as its value. Here it is a file, read
 * when a client wants it: the generated code gives `wasm` to `Buffer.from`, which asks an object for its value.
 */
const queryCompilerAsFile = {
  name: 'query-compiler-as-file',
  setup(build) {
    build.onLoad({ filter: /query_compiler_\w+\.\w+\.wasm-base64\.mjs$/ }, ({ path: file }) => ({
      contents: `import { readFileSync } from 'node:fs';
        import file from ${JSON.stringify(file.replace(/\.mjs$/, '.bytes'))};
        export const wasm = { valueOf: () => readFileSync(new URL(file, import.meta.url)) };`,
    }));
    build.onResolve({ filter: /\.wasm-base64\.bytes$/ }, ({ path: file }) => ({ path: file, namespace: 'query-compiler' }));
    build.onLoad({ filter: /^/, namespace: 'query-compiler' }, ({ path: file }) => {
      const text = readFileSync(file.replace(/\.bytes$/, '.mjs'), 'utf8');
      const [begin, end] = ['const wasm = "', '"'];
      // Not by a pattern: over megabytes one runs out of stack, depending on how deep it is called.
      const base64 = text.startsWith(begin) ? text.slice(begin.length, text.indexOf(end, begin.length)) : '';
      if (!isWasm(base64)) throw new Error(`${file} is not written as it was; see scripts/bundle.mjs`);
      return { contents: Buffer.from(base64, 'base64'), loader: 'file' };
    });
  },
};

/** WebAssembly begins with four bytes of its own. */
const isWasm = (base64) => Buffer.from(base64.slice(0, 8), 'base64').subarray(0, 4).equals(Buffer.from('\0asm', 'latin1'));

const NAMING = '(target, value) => __defProp(target, "name", { value, configurable: true })';
const NAMING_OF_CLASSES =
  '(target, value) => target.name === "" || target.name === value ? target : __defProp(target, "name", { value, configurable: true })';

/**
 * `keepNames` names every function again where it is made, which for those that are made in each request costs more than what they do (230 ns).
 * Only what was renamed needs it; a function that is an argument of the naming itself has no name yet, and nobody asks for one.
 */
const nameClassesOnly = {
  name: 'name-classes-only',
  setup(build) {
    // A build that is only looked at writes nothing.
    if (build.initialOptions.write === false) return;
    build.onEnd(({ metafile }) => {
      let found = 0;
      for (const output of Object.keys(metafile?.outputs ?? {}).filter((file) => file.endsWith('.js'))) {
        const file = path.join(root, output);
        const text = readFileSync(file, 'utf8');
        if (!text.includes(`var __name = ${NAMING}`)) continue;
        found++;
        writeFileSync(file, text.replace(`var __name = ${NAMING}`, `var __name = ${NAMING_OF_CLASSES}`));
      }
      if (found === 0) throw new Error('the bundler writes its naming otherwise; see scripts/bundle.mjs');
    });
  },
};

/** @param options what differs from the build, for tests that look at the result */
export async function bundle(options = {}) {
  const { build } = await import('esbuild');
  return build({
    absWorkingDir: root,
    entryPoints: ENTRIES.map((name) => path.join('src', name)),
    outdir: 'dist',
    outbase: 'src',
    chunkNames: `${PARTS}/[name]-[hash]`,
    assetNames: `${PARTS}/[name]-[hash]`,
    bundle: true,
    splitting: true,
    external: LEFT_OUTSIDE,
    // Without its clients for servers on a network, which no `file:` URL needs.
    alias: { '@libsql/client': '@libsql/client/sqlite3' },
    // Packages in CommonJS ask for Node's own modules by `require`.
    banner: { js: "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);" },
    format: 'esm',
    platform: 'node',
    target: 'node20',
    // Models of the protocol library are stored under the names of their classes.
    keepNames: true,
    sourcemap: 'linked',
    legalComments: 'linked',
    metafile: true,
    logLevel: 'warning',
    plugins: [queryCompilerAsFile, nameClassesOnly],
    ...options,
  });
}

/**
 * Builds dist/. The files of the build before stay: a server that runs on them may load one yet, until it is replaced.
 * @param before the files of the build before, from the root
 * @returns the files of this one
 */
export async function buildServer(before) {
  // A build of another kind left files that this one does not know.
  if (before.length === 0) rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  const { metafile } = await bundle();
  const outputs = Object.keys(metafile.outputs);
  const kept = new Set([...before, ...outputs]);
  for (const entry of readdirSync(path.join(root, 'dist'), { withFileTypes: true, recursive: true })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile() && !kept.has(path.relative(root, file))) rmSync(file);
  }
  return outputs;
}
