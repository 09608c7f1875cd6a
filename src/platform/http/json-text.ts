import { AppError } from '../errors.js';

const MAX_DEPTH = 32;
const MAX_MEMBERS = 1000;
/** Names by which JavaScript reaches the prototype of an object; no member of ours is called so. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);
/** A string, or a character that opens, closes or separates. Nothing else matters here. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\]:,]/gs;

/**
 * Parses JSON that every reader reads alike.
 * @throws AppError `request.unreadable` for what is not JSON in UTF-8, and as `requireUnambiguous`
 */
export function parseUnambiguous(bytes: Uint8Array): unknown {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('request.unreadable', 400, 'The body is not valid JSON.', { cause });
  }
  requireUnambiguous(text);
  return value;
}

/**
 * Looks at JSON that parses for what its reader does not tell: a member given twice (two readers of one request would otherwise disagree about
 * what was sent), nesting nobody needs, and names and characters that serve attacks only.
 * @param text valid JSON
 * @throws AppError `request.duplicate_member`, `request.too_deep`, `request.unsafe_text` 400
 */
export function requireUnambiguous(text: string): void {
  /** the names seen in each open object; an array has none */
  const open: (Set<string> | null)[] = [];
  let members = 0;
  let before = '';
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : null) > MAX_DEPTH) throw refused('too_deep', 'The body is nested too deeply.');
    } else if (token === '}' || token === ']') open.pop();
    else if (token.startsWith('"')) {
      const value = JSON.parse(token) as string;
      requireStorable(value);
      const names = open.at(-1);
      if (names && (before === '{' || before === ',')) {
        if (++members > MAX_MEMBERS) throw refused('too_deep', 'The body has too many members.');
        if (RESERVED.has(value)) throw refused('unsafe_text', 'The body has a member whose name is not allowed.');
        if (names.has(value)) throw refused('duplicate_member', `The member ${JSON.stringify(value.slice(0, 40))} was sent twice.`);
        names.add(value);
      }
    }
    before = token;
  }
}

/** Text that can be stored and compared: no NUL, which PostgreSQL refuses, no half of a surrogate pair, which UTF-8 has none of. */
export function requireStorable(text: string): void {
  if (/\0|\p{Surrogate}/u.test(text)) throw refused('unsafe_text', 'The request has characters that no text has.');
}

const refused = (reason: string, message: string) => new AppError(`request.${reason}`, 400, message);
