import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A file of the tree: its path from the root, with forward slashes, and what it says. */
export type SourceFile = { path: string; text: string };

/** One import of a file. `to` is a path of the tree for relative imports, the package's name otherwise. */
export type Import = { from: string; to: string; kind: 'value' | 'type' | 'package' | 'package-type' };

export const root = path.resolve(import.meta.dirname, '../..');

/** Every TypeScript and JavaScript file below the folders, generated ones excepted. */
export function readSources(folders: readonly string[]): SourceFile[] {
  return folders.flatMap((folder) =>
    readdirSync(path.join(root, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && /\.(ts|mjs|js)$/.test(entry.name))
      .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
      .filter((file) => !file.includes('/generated/'))
      .sort()
      .map((file) => ({ path: file, text: readFileSync(path.join(root, file), 'utf8') })),
  );
}

/** The text without comments, lines kept, so that a rule about code is not about prose. Strings and templates stay as they are. */
export function withoutComments(text: string): string {
  return text.replace(
    /("(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|(^|[\s;{}(,])\/\/[^\n]*/g,
    (match, string, before) => (string !== undefined ? match : match.startsWith('/*') ? match.replace(/[^\n]/g, '') : (before ?? '')),
  );
}

const STATEMENT = /^\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\sfrom\s*)?['"]([^'"]+)['"]/gm;
const EXPRESSION = /(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]/g;

/** The imports of a file, re-exports and `import()` included. Checked against the bundler's own reading in the test. */
export function importsOf({ path: from, text }: SourceFile): Import[] {
  const code = withoutComments(text);
  const found = [...code.matchAll(STATEMENT), ...code.matchAll(EXPRESSION)];
  return found.map(([, type, specifier = '']) => {
    if (!specifier.startsWith('.')) return { from, to: specifier, kind: type ? 'package-type' : 'package' };
    const to = path.posix.join(path.posix.dirname(from), specifier).replace(/\.js$/, '.ts');
    return { from, to, kind: type ? 'type' : 'value' };
  });
}
