import { z } from 'zod';
import { now } from '../../platform/clock.js';
import { ACCOUNT_ID_RULE, foldUsername, isAccountId, newAccountSchema } from '../accounts/index.js';
import type { Passwords } from '../passwords/index.js';

/** What a row may say, by the names of the JSON API. */
export const IMPORT_MEMBERS = [
  'id',
  'email',
  'username',
  'first_name',
  'last_name',
  'full_name',
  'password_hash',
  'email_verified',
  'roles',
  'status',
  'created_at',
] as const;

/** A row that could become an account. Its id is the other system's, if it named one. */
export type ImportedRow = {
  id: string | null;
  email: string;
  username: string | null;
  usernameKey: string | null;
  firstName: string | null;
  lastName: string | null;
  fullName: string | null;
  passwordHash: string | null;
  hashDescription: string | null;
  emailVerified: boolean;
  roles: string[];
  status: 'active' | 'disabled';
  createdAt: Date | null;
};

/** Why a row cannot be taken. `reason` quotes nothing of the row, since a hash may stand in any column of it. */
export type ImportFault = { code: string; reason: string };

/** What a row is read by. */
export type RowRules = {
  passwords: Pick<Passwords, 'inspectHash'>;
  roleNames: ReadonlySet<string>;
  /** whether a row may make an administrator */
  allowAdmin: boolean;
};

const YES = new Set(['true', '1', 'yes']);
const NO = new Set(['false', '0', 'no']);
const DAY_MS = 24 * 60 * 60 * 1000;

class Refusal extends Error {
  constructor(readonly fault: ImportFault) {
    super(fault.reason);
  }
}
const refuse = (code: string, reason: string): never => {
  throw new Refusal({ code, reason });
};

/** Reads a row as strictly as a form: what is not known is refused, not passed over. Empty text and null say nothing. */
export function readRow(row: Record<string, unknown>, rules: RowRules): { row: ImportedRow } | { fault: ImportFault } {
  try {
    return { row: parseRow(row, rules) };
  } catch (error) {
    if (error instanceof Refusal) return { fault: error.fault };
    throw error;
  }
}

function parseRow(given: Record<string, unknown>, rules: RowRules): ImportedRow {
  requireKnownMembers(given);
  const row = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null && value !== ''));
  // PostgreSQL takes none, and nobody is called by half a character.
  if (Object.values(row).some((value) => typeof value === 'string' && /\p{Surrogate}/u.test(value))) {
    refuse('import.invalid', 'It has half of a character (a lone surrogate).');
  }
  const result = newAccountSchema.safeParse({
    email: row.email ?? '',
    username: row.username,
    firstName: row.first_name,
    lastName: row.last_name,
    fullName: row.full_name,
  });
  if (!result.success) return refuse('import.invalid', describeIssues(result.error));
  const { email, username = null, firstName = null, lastName = null, fullName = null } = result.data;
  return {
    id: readId(row.id),
    email,
    username,
    usernameKey: username === null ? null : foldUsername(username),
    firstName,
    lastName,
    fullName,
    ...readHash(row.password_hash, rules),
    emailVerified: readYesOrNo(row.email_verified),
    roles: readRoles(row.roles, rules),
    status: readStatus(row.status),
    createdAt: readTime(row.created_at),
  };
}

function requireKnownMembers(row: Record<string, unknown>): void {
  if ('password' in row) {
    refuse(
      'import.plain_password',
      'It has a password. Passwords are taken as password_hash only; leave them out and people choose new ones.',
    );
  }
  const unknown = Object.keys(row).filter((name) => !(IMPORT_MEMBERS as readonly string[]).includes(name));
  if (unknown.length === 0) return;
  const named = unknown.filter((name) => /^[A-Za-z][\w-]{0,39}$/.test(name)).slice(0, 5);
  refuse('import.unknown_member', `It has members that are not known${named.length > 0 ? `: ${named.join(', ')}` : ''}.`);
}

/** `email: Enter an email address ...; username: ...`, by the names of the row. */
function describeIssues(error: z.ZodError): string {
  const sentences = error.issues.map((issue) => {
    const nested = issue.code === 'invalid_union' ? issue.errors.at(-1)?.[0] : undefined;
    const name = issue.path.join('.').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return `${name}: ${nested?.message ?? issue.message}`;
  });
  return [...new Set(sentences)].join(' ');
}

function readId(id: unknown): string | null {
  if (id === undefined) return null;
  const text = typeof id === 'number' && Number.isSafeInteger(id) ? String(id) : id;
  if (typeof text === 'string' && isAccountId(text)) return text;
  return refuse('import.invalid', `id: ${ACCOUNT_ID_RULE}`);
}

function readHash(hash: unknown, { passwords }: RowRules): Pick<ImportedRow, 'passwordHash' | 'hashDescription'> {
  if (hash === undefined) return { passwordHash: null, hashDescription: null };
  const inspected = typeof hash === 'string' ? passwords.inspectHash(hash) : null;
  if (!inspected)
    return refuse('import.unknown_hash', 'password_hash: This is no hash that can be verified here (argon2, bcrypt, PBKDF2, scrypt).');
  if (inspected.tooDear) {
    return refuse(
      'import.hash_too_dear',
      `password_hash: It takes too long to verify (${inspected.description}). Leave it out; a reset sets a new password.`,
    );
  }
  return { passwordHash: hash as string, hashDescription: inspected.description };
}

function readYesOrNo(value: unknown): boolean {
  if (value === undefined || typeof value === 'boolean') return value ?? false;
  const text = String(value).trim().toLowerCase();
  if (YES.has(text) || NO.has(text)) return YES.has(text);
  return refuse('import.invalid', 'email_verified: It is true or false.');
}

function readRoles(value: unknown, { roleNames, allowAdmin }: RowRules): string[] {
  const list = typeof value === 'string' ? value.split(/[\s,;|]+/).filter(Boolean) : (value ?? []);
  if (!Array.isArray(list) || !list.every((name) => typeof name === 'string'))
    return refuse('import.invalid', 'roles: It is a list of names.');
  if (!list.every((name) => roleNames.has(name)))
    return refuse('import.unknown_role', `roles: The roles are ${[...roleNames].join(', ')}.`);
  if (list.includes('admin') && !allowAdmin) {
    return refuse(
      'import.admin_not_allowed',
      'roles: It would make an administrator. Run the import with --allow-admin if it is meant to.',
    );
  }
  return [...new Set(['user', ...list])].sort();
}

function readStatus(value: unknown): ImportedRow['status'] {
  if (value === undefined || value === 'active' || value === 'disabled') return value ?? 'active';
  return refuse('import.invalid', 'status: It is active or disabled.');
}

const timeSchema = z.union([z.iso.datetime({ offset: true }), z.iso.date()]);

function readTime(value: unknown): Date | null {
  if (value === undefined) return null;
  const text = timeSchema.safeParse(value);
  const time = text.success ? new Date(text.data) : undefined;
  // A clock of another machine may be ahead, but not by a day.
  if (time && time.getTime() >= 0 && time.getTime() < now() + DAY_MS) return time;
  return refuse('import.invalid', 'created_at: It is a time that has been, like 2024-05-31T12:00:00Z.');
}
