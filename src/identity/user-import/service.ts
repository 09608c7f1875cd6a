import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Audit } from '../../platform/audit/index.js';
import { nowDate } from '../../platform/clock.js';
import type { Database } from '../../platform/db/index.js';
import type { Passwords } from '../passwords/index.js';
import type { Roles } from '../roles/index.js';
import { type AccountToInsert, createUserImportRepository, type ExistingAccount } from './repository.js';
import { type ImportedRow, type ImportFault, type RowRules, readRow } from './row.js';
import { createSeenValues, type SeenValues } from './seen-values.js';

/** A row with the number of the line it begins on (from 1), or why the line holds none. */
export type ImportLine = { line: number; row: Record<string, unknown> } | { line: number; fault: ImportFault };

/** A line that was not taken. `email` where it was one. */
export type RejectedLine = ImportFault & { line: number; email?: string | undefined };

export type ImportSummary = {
  /** lines that were judged */
  rows: number;
  created: number;
  /** lines whose account exists, by an earlier run of the same import for instance */
  alreadyThere: number;
  rejected: number;
  /** how many, by code */
  rejectedByReason: Record<string, number>;
  /** hashes of created accounts, by scheme and costs */
  passwordHashes: Record<string, number>;
  /** stopped before the last line */
  interrupted: boolean;
};

export type ImportOptions = {
  /** judges everything and writes nothing */
  dryRun?: boolean;
  /** whether rows may make administrators */
  allowAdmin?: boolean;
  /** stops after the lines in hand; whatever was written stays */
  signal?: AbortSignal | undefined;
  onRejected?: (line: RejectedLine) => Promise<void> | void;
  onProgress?: (soFar: Readonly<ImportSummary>) => void;
};

export type UserImport = {
  /**
   * Makes an account of each row. It changes no account that exists, so a row whose account is there already is counted and passed over: an
   * import that was interrupted anywhere is run again, and nothing is doubled. Memory is bounded by the longest rows, plus some 60 bytes for each
   * (which addresses, usernames and ids earlier lines had). Each batch is one short transaction, with its audit events, and lets others write
   * before the next.
   */
  run(lines: AsyncIterable<ImportLine>, options?: ImportOptions): Promise<ImportSummary>;
};

export type UserImportDeps = {
  db: Database;
  audit: Audit;
  roles: Pick<Roles, 'list'>;
  passwords: Pick<Passwords, 'inspectHash'>;
};

/** So many rows are written at a time; a sign-in that wants to write waits no longer than for these. */
const BATCH_ROWS = 250;
/** Who waits for SQLite's one writer tries again at intervals, so the way is left free for about as long as it was taken. */
const MAX_PAUSE_MS = 100;

type Candidate = { line: number; row: ImportedRow };
type Verdict = 'new' | 'already there' | ImportFault;

export function createUserImport({ db, audit, roles, passwords }: UserImportDeps): UserImport {
  const rows = createUserImportRepository(db);

  async function findExisting(candidates: readonly Candidate[]): Promise<Existing> {
    const found = await rows.findAny({
      ids: candidates.flatMap(({ row }) => (row.id === null ? [] : [row.id])),
      emails: candidates.map(({ row }) => row.email),
      usernameKeys: candidates.flatMap(({ row }) => (row.usernameKey === null ? [] : [row.usernameKey])),
    });
    return {
      byId: new Map(found.map((account) => [account.id, account])),
      byEmail: new Map(found.map((account) => [account.email, account])),
      byUsername: new Map(found.flatMap((account) => (account.usernameKey === null ? [] : [[account.usernameKey, account]]))),
    };
  }

  /** One transaction: the accounts, their roles, and the record of who came to be. Answers the lines that were not free any more. */
  async function write(candidates: readonly Candidate[]): Promise<Candidate[]> {
    const at = nowDate();
    const accounts = candidates.map(({ row }) => toAccount(row, at));
    const inserted = await rows.transaction(async (tx) => {
      const ids = await rows.insert(accounts, tx);
      await audit.recordAll(
        accounts
          .filter(({ id }) => ids.has(id))
          .map(({ id, roles: names }) => ({
            type: 'account.created',
            outcome: 'success',
            subjectId: id,
            detail: { via: 'import', roles: names.join(' ') },
          })),
        tx,
      );
      return ids;
    });
    return candidates.filter((_, index) => !inserted.has(accounts[index]?.id ?? ''));
  }

  return {
    async run(lines, { dryRun = false, allowAdmin = false, signal, onRejected, onProgress } = {}) {
      const rules: RowRules = { passwords, allowAdmin, roleNames: new Set((await roles.list()).map(({ name }) => name)) };
      const seen = createSeenValues();
      const summary: ImportSummary = {
        rows: 0,
        created: 0,
        alreadyThere: 0,
        rejected: 0,
        rejectedByReason: {},
        passwordHashes: {},
        interrupted: false,
      };
      const reject = async ({ line, fault, email }: { line: number; fault: ImportFault; email?: string }) => {
        summary.rejected += 1;
        summary.rejectedByReason[fault.code] = (summary.rejectedByReason[fault.code] ?? 0) + 1;
        await onRejected?.({ line, ...fault, email });
      };

      async function settle(batch: readonly ImportLine[]): Promise<void> {
        const candidates: Candidate[] = [];
        for (const each of batch) {
          const read = 'fault' in each ? each : readRow(each.row, rules);
          if ('fault' in read) await reject({ line: each.line, fault: read.fault });
          else candidates.push({ line: each.line, row: read.row });
        }
        const accepted = await judge(candidates);
        const startedAt = performance.now();
        // Somebody else may have been quicker since the look-up: then the account is there, or its address is taken.
        const late = dryRun || accepted.length === 0 ? [] : await write(accepted);
        if (late.length > 0) await judge(late, { again: true });
        const lateLines = new Set(late.map(({ line }) => line));
        for (const { line, row } of accepted) {
          if (lateLines.has(line)) continue;
          summary.created += 1;
          if (row.hashDescription !== null)
            summary.passwordHashes[row.hashDescription] = (summary.passwordHashes[row.hashDescription] ?? 0) + 1;
        }
        summary.rows += batch.length;
        onProgress?.(summary);
        if (!dryRun && accepted.length > 0)
          await delay(Math.min(performance.now() - startedAt, MAX_PAUSE_MS), undefined, signal ? { signal } : {});
      }

      /** Answers the candidates that are new, and counts and reports the others. */
      async function judge(candidates: readonly Candidate[], { again = false } = {}): Promise<Candidate[]> {
        const existing = await findExisting(candidates);
        const accepted: Candidate[] = [];
        for (const candidate of candidates) {
          const { line, row } = candidate;
          const verdict = (again ? undefined : findDuplicate(row, seen)) ?? compare(row, existing);
          if (verdict === 'new' && again) await reject({ line, fault: takenMeanwhile, email: row.email });
          else if (verdict === 'new') accepted.push(candidate);
          else if (verdict === 'already there') summary.alreadyThere += 1;
          else await reject({ line, fault: verdict, email: row.email });
          if (typeof verdict === 'string') remember(row, line, seen);
        }
        return accepted;
      }

      let batch: ImportLine[] = [];
      try {
        for await (const line of lines) {
          batch.push(line);
          if (batch.length < BATCH_ROWS) continue;
          await settle(batch);
          batch = [];
          if (signal?.aborted) break;
        }
        if (!signal?.aborted) await settle(batch);
      } catch (error) {
        // What is read from, and what is waited for, end with the signal.
        if (!signal?.aborted) throw error;
      } finally {
        summary.interrupted = signal?.aborted ?? false;
        if (!dryRun && summary.created > 0) await recordImport(audit, summary);
      }
      return summary;
    },
  };
}

const recordImport = (audit: Audit, { rows, created, alreadyThere, rejected, interrupted }: ImportSummary): Promise<void> =>
  audit.record({ type: 'accounts.imported', outcome: 'success', detail: { rows, created, alreadyThere, rejected, interrupted } });

type Existing = Record<'byId' | 'byEmail' | 'byUsername', Map<string, ExistingAccount>>;

const takenMeanwhile: ImportFault = {
  code: 'import.conflict',
  reason: 'Somebody else was given its address, username or id at this moment.',
};

/** An account is the row's when address and id agree, or, where the row names no id, address and profile: then an earlier run has made it. */
function compare(row: ImportedRow, { byId, byEmail, byUsername }: Existing): Verdict {
  const sameId = row.id === null ? undefined : byId.get(row.id);
  const sameEmail = byEmail.get(row.email);
  if (sameId) return sameId.email === row.email ? 'already there' : { code: 'import.id_taken', reason: 'Another account has this id.' };
  if (sameEmail) {
    const differing = row.id === null ? differences(row, sameEmail) : ['id'];
    if (differing.length === 0) return 'already there';
    return { code: 'accounts.email_taken', reason: `The address has an account already, which differs in ${differing.join(', ')}.` };
  }
  const sameUsername = row.usernameKey === null ? undefined : byUsername.get(row.usernameKey);
  return sameUsername ? { code: 'accounts.username_taken', reason: 'The username is taken.' } : 'new';
}

function differences(row: ImportedRow, account: ExistingAccount): string[] {
  return [
    ...(row.usernameKey === account.usernameKey ? [] : ['username']),
    ...(row.firstName === account.firstName ? [] : ['first_name']),
    ...(row.lastName === account.lastName ? [] : ['last_name']),
    ...(row.fullName === account.fullName ? [] : ['full_name']),
    ...(row.createdAt === null || row.createdAt.getTime() === account.createdAt.getTime() ? [] : ['created_at']),
  ];
}

function* uniqueValues({ id, email, usernameKey }: ImportedRow): Generator<[kind: string, value: string]> {
  yield ['email', email];
  if (usernameKey !== null) yield ['username', usernameKey];
  if (id !== null) yield ['id', id];
}

function findDuplicate(row: ImportedRow, seen: SeenValues): ImportFault | undefined {
  for (const [kind, value] of uniqueValues(row)) {
    const line = seen.find(kind, value);
    if (line !== undefined) return { code: 'import.duplicate', reason: `Line ${line} has the same ${kind}.` };
  }
  return undefined;
}

function remember(row: ImportedRow, line: number, seen: SeenValues): void {
  for (const [kind, value] of uniqueValues(row)) seen.add(kind, value, line);
}

function toAccount(row: ImportedRow, at: Date): AccountToInsert {
  const createdAt = row.createdAt ?? at;
  return {
    id: row.id ?? randomUUID(),
    email: row.email,
    username: row.username,
    usernameKey: row.usernameKey,
    firstName: row.firstName,
    lastName: row.lastName,
    fullName: row.fullName,
    status: row.status,
    emailVerifiedAt: row.emailVerified ? createdAt : null,
    passwordHash: row.passwordHash,
    passwordSetAt: row.passwordHash === null ? null : createdAt,
    createdAt,
    updatedAt: at,
    roles: row.roles,
  };
}
