import { type Database, type Sql, sql, type Transaction } from '../db/index.js';
import type { Checkpoint } from './marks.js';

/** An event as it is kept, with its marks. */
export type KeptEvent = {
  id: string;
  occurredAt: Date;
  type: string;
  outcome: string;
  actorId: string | null;
  subjectId: string | null;
  clientId: string | null;
  ip: string | null;
  requestId: string | null;
  detail: string | null;
  mac: string | null;
  sequence: number | null;
  link: string | null;
};
export type ChainedEvent = KeptEvent & { sequence: number; link: string };
export type StoredCheckpoint = Checkpoint & { mac: string };

type Raw<Row> = { [Name in keyof Row]: Row[Name] extends number | null ? bigint | number | null : Row[Name] };

/** For `SELECT`: the columns under their names here. */
const columns = sql`id, occurred_at AS "occurredAt", type, outcome, actor_id AS "actorId", subject_id AS "subjectId", client_id AS "clientId", ip,
  request_id AS "requestId", detail, mac, sequence, link`;

const toDate = (value: Date | string) => (value instanceof Date ? value : new Date(value));
const toEvent = <Row extends KeptEvent>(row: Raw<KeptEvent>): Row =>
  ({ ...row, occurredAt: toDate(row.occurredAt), sequence: row.sequence === null ? null : Number(row.sequence) }) as Row;

export type ChainRepository = ReturnType<typeof createChainRepository>;

export function createChainRepository(db: Database) {
  const { client } = db;
  const readCheckpoints = async (where: Sql, tx: Pick<Transaction, '$queryRaw'>): Promise<StoredCheckpoint[]> => {
    const rows = await tx.$queryRaw<Raw<StoredCheckpoint>[]>`
      SELECT name, sequence, link, made_at AS "madeAt", faults, unmarked, mac FROM audit_checkpoints ${where}`;
    return rows.map(({ sequence, faults, unmarked, madeAt, ...row }) => ({
      ...row,
      ...{ sequence: Number(sequence), faults: Number(faults), unmarked: Number(unmarked), madeAt: toDate(madeAt) },
    }));
  };
  return {
    transaction: <T>(work: (tx: Transaction) => Promise<T>): Promise<T> => client.$transaction(work, { maxWait: 10_000, timeout: 30_000 }),

    /** True while an event waits for its place. */
    async hasUnchained(): Promise<boolean> {
      return (await client.$queryRaw<unknown[]>`SELECT id FROM audit_events WHERE sequence IS NULL LIMIT 1`).length > 0;
    },
    /** Those that wait for their place, of what is committed. */
    async listUnchained(limit: number, tx: Pick<Transaction, '$queryRaw'> = client): Promise<KeptEvent[]> {
      const rows = await tx.$queryRaw<Raw<KeptEvent>[]>`
        SELECT ${columns} FROM audit_events WHERE sequence IS NULL ORDER BY sequence, occurred_at LIMIT ${limit}`;
      return rows.map((row) => toEvent<KeptEvent>(row));
    },
    /** How many there are, if some of them have no mark; else 0. The oldest come first, so where there are any they are found at once. */
    async countIfUnmarked(tx: Pick<Transaction, '$queryRaw'>): Promise<number> {
      const found = await tx.$queryRaw<unknown[]>`
        SELECT id FROM audit_events WHERE sequence IS NULL AND mac IS NULL ORDER BY sequence, occurred_at LIMIT 1`;
      if (found.length === 0) return 0;
      const [row] = await tx.$queryRaw<{ n: bigint | number }[]>`SELECT count(*) AS n FROM audit_events`;
      return Number(row?.n ?? 0);
    },
    /** 0 without any. */
    async highestSequence(tx: Pick<Transaction, '$queryRaw'> = client): Promise<number> {
      const [row] = await tx.$queryRaw<{ n: bigint | number | null }[]>`SELECT max(sequence) AS n FROM audit_events`;
      return Number(row?.n ?? 0);
    },
    /**
     * Gives events their places. SQLite would begin with all that wait, and look through the rows for each of them.
     * @returns how many were still without one
     */
    setLinks(rows: readonly { id: string; sequence: number; link: string }[], tx: Transaction): Promise<number> {
      return tx.$executeRaw`
        UPDATE audit_events SET sequence = CAST(places.value ->> 'sequence' AS bigint), link = places.value ->> 'link'
        FROM ${db.jsonRows(rows)} AS places WHERE audit_events.id = places.value ->> 'id'
          AND ${db.notLeading(sql`audit_events.sequence`)} IS NULL`;
    },
    /** Chained events after a place (and, of those in one place, after an id), in order. */
    async listAfter(place: { sequence: number; id?: string | undefined }, limit: number, tx: Pick<Transaction, '$queryRaw'> = client) {
      const { sequence, id } = place;
      const after =
        id === undefined ? sql`sequence > ${sequence}` : sql`sequence >= ${sequence} AND (sequence > ${sequence} OR id > ${id})`;
      const rows = await tx.$queryRaw<
        Raw<KeptEvent>[]
      >`SELECT ${columns} FROM audit_events WHERE ${after} ORDER BY sequence, id LIMIT ${limit}`;
      return rows.map((row) => toEvent<ChainedEvent>(row));
    },
    /** Those that wait for their place, by id. */
    async listUnchainedAfter(id: string, limit: number): Promise<KeptEvent[]> {
      const rows = await client.$queryRaw<Raw<KeptEvent>[]>`
        SELECT ${columns} FROM audit_events WHERE sequence IS NULL AND id > ${id} ORDER BY id LIMIT ${limit}`;
      return rows.map((row) => toEvent<KeptEvent>(row));
    },
    /** How many stand where none can be any more: up to a place from which the chain is kept. */
    async countThrough(sequence: number): Promise<number> {
      const [row] = await client.$queryRaw<{ n: bigint | number }[]>`SELECT count(*) AS n FROM audit_events WHERE sequence <= ${sequence}`;
      return Number(row?.n ?? 0);
    },
    /** Deletes those up to a place; the caller has seen how many that are. */
    deleteThrough(sequence: number, tx: Transaction): Promise<number> {
      return tx.$executeRaw`DELETE FROM audit_events WHERE sequence <= ${sequence}`;
    },

    /** Holds a checkpoint until the transaction ends, as the first thing it does. False: there is none. */
    async hold(name: string, tx: Transaction): Promise<boolean> {
      return (await tx.$executeRaw`UPDATE audit_checkpoints SET name = name WHERE name = ${name}`) > 0;
    },
    async findCheckpoint(name: string, tx: Pick<Transaction, '$queryRaw'> = client): Promise<StoredCheckpoint | null> {
      return (await readCheckpoints(sql`WHERE name = ${name}`, tx))[0] ?? null;
    },
    /** All but the head and the retention's, by name. */
    listDays: (after: string, limit: number) =>
      readCheckpoints(sql`WHERE name > ${after} AND name < 'head' ORDER BY name LIMIT ${limit}`, client),
    /** False: there is one of this name. */
    async insertCheckpoint(
      { name, sequence, link, madeAt, faults, unmarked, mac }: StoredCheckpoint,
      tx: Pick<Transaction, '$executeRaw'>,
    ) {
      const made = await tx.$executeRaw`INSERT INTO audit_checkpoints (name, sequence, link, made_at, faults, unmarked, mac)
        VALUES (${name}, ${sequence}, ${link}, ${madeAt}, ${faults}, ${unmarked}, ${mac}) ON CONFLICT (name) DO NOTHING`;
      return made > 0;
    },
    async deleteCheckpoint(name: string, tx: Transaction): Promise<void> {
      await tx.$executeRaw`DELETE FROM audit_checkpoints WHERE name = ${name}`;
    },
    /** Moves one on. False: it was moved by somebody else. */
    async moveCheckpoint({ name, sequence, link, madeAt, faults, unmarked, mac }: StoredCheckpoint, from: number, tx: Transaction) {
      const moved =
        await tx.$executeRaw`UPDATE audit_checkpoints SET sequence = ${sequence}, link = ${link}, made_at = ${madeAt}, faults = ${faults},
        unmarked = ${unmarked}, mac = ${mac} WHERE name = ${name} AND sequence = ${from}`;
      return moved > 0;
    },
    /** What a page of search needs; see search.ts. */
    async select(where: Sql, order: 'ASC' | 'DESC', limit: number, branches: readonly Sql[]): Promise<KeptEvent[]> {
      const direction = order === 'ASC' ? sql`occurred_at ASC, id ASC` : sql`occurred_at DESC, id DESC`;
      const one = (branch: Sql) =>
        sql`SELECT * FROM (SELECT ${columns} FROM audit_events WHERE ${branch} ${where} ORDER BY ${direction} LIMIT ${limit}) AS part`;
      const [first = sql`1 = 1`, ...others] = branches;
      const parts = others.reduce<Sql>((all, branch) => sql`${all} UNION ${one(branch)}`, one(first));
      const ends = order === 'ASC' ? sql`"occurredAt" ASC, id ASC` : sql`"occurredAt" DESC, id DESC`;
      const rows = await client.$queryRaw<Raw<KeptEvent>[]>`SELECT * FROM (${parts}) AS found ORDER BY ${ends} LIMIT ${limit}`;
      return rows.map((row) => toEvent<KeptEvent>(row));
    },
  };
}
