/**
 * Owns: reading files in which an operator declares things (clients, resource servers), and saying where in them each fault is.
 * Does not own: what is declared, which its feature checks.
 */
import { readFile, stat } from 'node:fs/promises';
import { parse as parseYaml } from 'yaml';
import type { z } from 'zod';
import { AppError, type ErrorDetail } from '../errors.js';

const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_FAULTS = 100;
const MAX_DEPTH = 16;

/** Member names that reach an object's prototype where code copies members carelessly. Nothing that is declared has them. */
const PROTOTYPE_KEYS = new Set(['__proto__', 'constructor', 'prototype']);

/**
 * Reads a JSON or YAML file (`.json` is JSON, anything else YAML, of which JSON is a part).
 * @param name the setting that names the file, for messages
 * @throws AppError `declarations.unreadable` when it cannot be read or parsed
 */
export async function readDeclarationFile(path: string, name: string): Promise<unknown> {
  try {
    if ((await stat(path)).size > MAX_FILE_BYTES) throw new RangeError(`it is larger than ${MAX_FILE_BYTES} bytes`);
    const text = await readFile(path, 'utf8');
    return path.endsWith('.json') ? JSON.parse(text) : parseYaml(text, { maxAliasCount: 100, prettyErrors: true, logLevel: 'error' });
  } catch (cause) {
    throw new AppError('declarations.unreadable', 500, `${name} (${path}) cannot be read: ${reasonOf(cause)}`, { cause });
  }
}

/** The parser's own words quote the text around the fault, and that may be a secret. */
function reasonOf(error: unknown): string {
  const { code, linePos } = error as { code?: string; linePos?: { line: number; col: number }[] };
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return "the server's user may not read it";
  if (code === 'EISDIR') return 'it is a directory';
  if (error instanceof RangeError) return error.message;
  if (linePos?.[0]) return `it is not valid YAML at line ${linePos[0].line}, column ${linePos[0].col} (${code})`;
  if (error instanceof SyntaxError) {
    const position = /\(line \d+ column \d+\)|at position \d+/.exec(error.message);
    return `it is not valid JSON${position ? ` (${position[0].replace(/[()]/g, '')})` : ''}`;
  }
  return code ?? 'it is not valid';
}

/** `path` of a fault as people write it: `redirect_uris[0]`, `[2].scope`. */
export function formatPath(path: readonly PropertyKey[], prefix = ''): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    const name = /^[\w$-]{1,60}$/.test(String(part)) ? String(part) : JSON.stringify(String(part).slice(0, 60));
    return text ? `${text}.${name}` : name;
  }, prefix);
}

/** A zod error as faults. */
export function faultsOf(error: z.ZodError, prefix = ''): ErrorDetail[] {
  return error.issues.map(({ path, message }) => ({ path: formatPath(path, prefix), message: message.replace(/^Invalid input: /, '') }));
}

/** Members that reach prototypes, and nesting without end. Looks at no more than it must: the first faults tell enough. */
export function findHostileMembers(value: unknown, prefix = ''): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const visit = (node: unknown, path: PropertyKey[]): void => {
    if (typeof node !== 'object' || node === null || faults.length >= MAX_FAULTS) return;
    if (path.length > MAX_DEPTH) {
      faults.push({ path: formatPath(path.slice(0, 3), prefix), message: 'is nested too deeply' });
      return;
    }
    for (const key of Object.keys(node)) {
      const at = [...path, Array.isArray(node) ? Number(key) : key];
      if (!Array.isArray(node) && PROTOTYPE_KEYS.has(key))
        faults.push({ path: formatPath(at, prefix), message: 'is not a member that may be given' });
      else visit((node as Record<string, unknown>)[key], at);
    }
  };
  visit(value, []);
  return faults;
}

/** All faults of a declaration in one error, one on a line. */
export function declarationError(code: string, status: number, faults: readonly ErrorDetail[]): AppError {
  const shown = faults.slice(0, MAX_FAULTS);
  const more = faults.length - shown.length;
  const lines = shown.map(({ path, message }) => `${path}: ${message}`);
  if (more > 0) lines.push(`... and ${more} more`);
  return new AppError(code, status, lines.join('\n'), { details: shown });
}
