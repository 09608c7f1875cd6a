import type { AuditEventType } from '../../platform/audit/index.js';
import type { ChangeFeed } from '../../platform/changes/index.js';
import { addSeconds, nowDate } from '../../platform/clock.js';
import type { Sealer } from '../../platform/crypto/index.js';
import type { Transaction } from '../../platform/db/index.js';
import { readDeclarationFile } from '../../platform/declarations/index.js';
import type { ErrorDetail } from '../../platform/errors.js';
import { SECRET_METHODS } from './capabilities.js';
import { invalidMetadata } from './errors.js';
import { type CheckedMetadata, checkMetadata, type MetadataContext } from './metadata.js';
import { type ClientRow, newRow, toColumns } from './record.js';
import { openEntry, secretContextOf } from './registry-cache.js';
import { CLIENTS_TOPIC, type ClientRepository } from './repository.js';
import { type FetchSector, judgeSector } from './sectors.js';

/** What a declaration changed, by client ids. */
export type DeclaredReport = {
  created: string[];
  updated: string[];
  unchanged: string[];
  /** declared once, in the file no longer: still there, for the operator to delete */
  vanished: string[];
  /** with the path in the file */
  warnings: ErrorDetail[];
};

type DeclaredClient = CheckedMetadata & { clientId: string };

const MAX_CLIENTS = 10_000;
const LABEL = 'CLIENTS_FILE';

/**
 * Reads and checks CLIENTS_FILE, for `applyDeclared`.
 * @throws AppError `declarations.unreadable`, `clients.invalid` with every fault and its path
 */
export async function loadDeclaredClients(path: string): Promise<unknown[]> {
  return parseDeclaredClients((await readDeclarationFile(path, LABEL)) ?? []);
}

/** Checks a declaration as far as it can be by itself. @throws AppError `clients.invalid` */
export function parseDeclaredClients(list: unknown): unknown[] {
  checkDeclared(list, {});
  return list as unknown[];
}

/** Makes the table say what the declaration says. See `Clients`. */
export async function applyDeclared(
  list: unknown,
  deps: {
    repository: ClientRepository;
    changes: Pick<ChangeFeed, 'write'>;
    sealer: Sealer;
    context: MetadataContext;
    secretGraceSeconds: number;
    fetchSector: FetchSector;
    record: (type: AuditEventType, clientId: string) => Promise<void>;
  },
): Promise<DeclaredReport> {
  const { repository, changes, record } = deps;
  const { clients, warnings } = checkDeclared(list, deps.context);
  let plan = await planDeclared(clients, { ...deps, at: nowDate() });
  const sectorWarnings = await checkSectors(clients, plan, deps.fetchSector);
  if (plan.some(({ insert, update }) => insert || update)) {
    plan = await changes.write(CLIENTS_TOPIC, async (tx) => {
      // Again, under the lock: another process may have done it meanwhile.
      const planned = await planDeclared(clients, { ...deps, at: nowDate(), tx });
      await repository.insertAll(
        tx,
        planned.flatMap(({ insert }) => insert ?? []),
      );
      for (const { id, update } of planned) if (update) await repository.update(tx, id, update);
      return planned;
    });
  }
  const created = plan.filter(({ insert }) => insert).map(({ id }) => id);
  const updated = plan.filter(({ update }) => update).map(({ id }) => id);
  for (const id of created) await record('client.created', id);
  for (const id of updated) await record('client.updated', id);
  const declared = new Set(plan.map(({ id }) => id));
  const kept = plan.flatMap(({ keptRotatedSecret }, index) =>
    keptRotatedSecret
      ? [{ path: `${LABEL}[${index}].client_secret`, message: 'was rotated since: the newer secret is kept; put it into the file' }]
      : [],
  );
  return {
    created,
    updated,
    unchanged: plan.filter(({ insert, update }) => !insert && !update).map(({ id }) => id),
    vanished: (await repository.listIdsOfSource('declared')).filter((id) => !declared.has(id)),
    warnings: [...warnings, ...sectorWarnings, ...kept],
  };
}

/**
 * Asks the sectors of clients that are new or have changed. One that cannot be read is taken at the operator's word: applications may well start
 * after the server that they sign in to. @throws AppError `clients.invalid` for one that says otherwise
 */
async function checkSectors(
  clients: readonly DeclaredClient[],
  plan: readonly DeclaredChange[],
  fetchSector: FetchSector,
): Promise<ErrorDetail[]> {
  const judged = await Promise.all(
    clients.map(async ({ metadata }, index) => {
      const change = plan[index];
      if (!change?.insert && !change?.update) return [];
      const judgement = await judgeSector(metadata, { fetchSector, trusted: true });
      if (judgement.outcome === 'agrees') return [];
      const { path, message } = judgement.detail;
      return [{ outcome: judgement.outcome, detail: { path: `${LABEL}[${index}].${path}`, message } }];
    }),
  );
  const details = (outcome: string) => judged.flat().flatMap((each) => (each.outcome === outcome ? [each.detail] : []));
  const faults = details('disagrees');
  if (faults.length > 0) throw invalidMetadata(faults);
  return details('unreadable').map(({ path, message }) => ({ path, message: `${message}; it is taken as you declared it` }));
}

/**
 * Checks a whole declaration.
 * @throws AppError `clients.invalid` with every fault of every client, each with its path: `CLIENTS_FILE[2].redirect_uris[0]`
 */
function checkDeclared(list: unknown, context: MetadataContext): { clients: DeclaredClient[]; warnings: ErrorDetail[] } {
  if (!Array.isArray(list)) throw invalidMetadata([{ path: LABEL, message: 'must be a list of clients' }]);
  if (list.length > MAX_CLIENTS) throw invalidMetadata([{ path: LABEL, message: `must have at most ${MAX_CLIENTS} clients` }]);
  const faults: ErrorDetail[] = [];
  const warnings: ErrorDetail[] = [];
  const clients: DeclaredClient[] = [];
  const firstAt = new Map<string, number>();
  for (const [index, input] of list.entries()) {
    const at = (details: readonly ErrorDetail[]) =>
      details.map(({ path, message }) => ({ path: path ? `${LABEL}[${index}].${path}` : `${LABEL}[${index}]`, message }));
    const outcome = checkMetadata(input, context);
    if (!outcome.ok) {
      faults.push(...at(outcome.faults));
      continue;
    }
    const { clientId, clientSecret, metadata } = outcome.value;
    const own: ErrorDetail[] = [];
    if (clientId === undefined) own.push({ path: 'client_id', message: 'is needed in a declaration' });
    else if (firstAt.has(clientId)) own.push({ path: 'client_id', message: `is also that of ${LABEL}[${firstAt.get(clientId)}]` });
    else firstAt.set(clientId, index);
    if (SECRET_METHODS.has(metadata.token_endpoint_auth_method) && clientSecret === undefined) {
      own.push({ path: 'client_secret', message: `is needed with token_endpoint_auth_method ${metadata.token_endpoint_auth_method}` });
    }
    faults.push(...at(own));
    warnings.push(...at(outcome.value.warnings));
    if (clientId !== undefined) clients.push({ ...outcome.value, clientId });
  }
  if (faults.length > 0) throw invalidMetadata(faults);
  return { clients, warnings };
}

type DeclaredChange = { id: string; insert?: ClientRow; update?: Partial<ClientRow>; keptRotatedSecret: boolean };

/** What is to be written so that the table says what the declaration says. Reads only. */
async function planDeclared(
  clients: readonly DeclaredClient[],
  {
    repository,
    sealer,
    at,
    secretGraceSeconds,
    tx,
  }: { repository: ClientRepository; sealer: Sealer; at: Date; secretGraceSeconds: number; tx?: Transaction },
): Promise<DeclaredChange[]> {
  const rows = await repository.listByIds(
    clients.map(({ clientId }) => clientId),
    tx,
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const faults = clients.flatMap(({ clientId }, index) =>
    byId.get(clientId)?.source === 'built_in'
      ? [{ path: `${LABEL}[${index}].client_id`, message: "is the server's own client; choose another id" }]
      : [],
  );
  if (faults.length > 0) throw invalidMetadata(faults);
  return clients.map((client) => planClient(client, byId.get(client.clientId), { sealer, at, secretGraceSeconds }));
}

function planClient(
  { clientId: id, clientSecret, name, metadata }: DeclaredClient,
  row: ClientRow | undefined,
  { sealer, at, secretGraceSeconds }: { sealer: Sealer; at: Date; secretGraceSeconds: number },
): DeclaredChange {
  const columns = toColumns(metadata, name ?? id);
  const seal = (secret: string) => sealer.seal(secret, secretContextOf(id));
  if (!row) {
    const secret = clientSecret === undefined ? null : seal(clientSecret);
    const insert = newRow(columns, { id, source: 'declared', at, secret });
    return { id, insert, keptRotatedSecret: false };
  }
  const changed: Partial<ClientRow> = Object.fromEntries(
    Object.entries({ ...columns, source: 'declared', managementTokenHash: null, unusedUntil: null }).filter(
      ([key, value]) => row[key as keyof ClientRow] !== value,
    ),
  );
  const secrets = planSecret(row, clientSecret, { sealer, seal, at, secretGraceSeconds });
  const update = { ...changed, ...secrets.change };
  return {
    id,
    keptRotatedSecret: secrets.keptRotated,
    ...(Object.keys(update).length > 0 ? { update: { ...update, updatedAt: at } } : {}),
  };
}

/**
 * The file's secret becomes the client's, and the one before stays good for the grace time, as after a rotation. One exception: a secret that was
 * rotated since the file was written is not taken back, for the application may have moved on to the new one.
 */
function planSecret(
  row: ClientRow,
  declared: string | undefined,
  { sealer, seal, at, secretGraceSeconds }: { sealer: Sealer; seal: (secret: string) => string; at: Date; secretGraceSeconds: number },
): { change: Partial<ClientRow>; keptRotated: boolean } {
  if (declared === undefined) {
    const hasAny = row.secret !== null || row.previousSecret !== null;
    return { change: hasAny ? { secret: null, previousSecret: null, previousSecretExpiresAt: null } : {}, keptRotated: false };
  }
  const current = openSecrets(row, sealer);
  if (current?.secret === declared) return { change: {}, keptRotated: false };
  if (current?.secret && current.previousSecret === declared) return { change: {}, keptRotated: true };
  const previous = current?.secret
    ? { previousSecret: row.secret, previousSecretExpiresAt: addSeconds(at, secretGraceSeconds) }
    : { previousSecret: null, previousSecretExpiresAt: null };
  return { change: { secret: seal(declared), ...previous }, keptRotated: false };
}

/** Null where they do not open: a declared secret then simply replaces them. */
function openSecrets(row: ClientRow, sealer: Sealer): { secret: string | null; previousSecret: string | null } | null {
  try {
    return openEntry(row, sealer);
  } catch {
    return null;
  }
}
