import { type Sql, sql, sqlList } from '../db/index.js';
import { AppError } from '../errors.js';
import type { ChainRepository, KeptEvent } from './chain-repository.js';
import { auditEventTypes } from './event-types.js';

export type AuditQuery = {
  /** who did it, or whom it was done to */
  account?: string | undefined;
  client?: string | undefined;
  /** `login.failed`, or `login.*` for all of a kind */
  type?: string | undefined;
  since?: Date | undefined;
  /** exclusive */
  until?: Date | undefined;
};

export type AuditPage = { events: KeptEvent[]; nextCursor: string | null };

const MAX_PAGE = 200;
const EXPORT_PAGE = 1000;

/** The types that a pattern stands for. @throws AppError `audit.unknown_type` 422 */
export function typesOf(pattern: string): readonly string[] {
  const found =
    pattern === '*'
      ? auditEventTypes
      : auditEventTypes.filter((type) => type === pattern || (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))));
  if (found.length > 0) return found;
  throw new AppError('audit.unknown_type', 422, 'There is no such type of event.', {
    details: [{ path: 'type', message: 'There is no such type of event.' }],
  });
}

type Position = { at: Date; id: string };

const writeCursor = ({ occurredAt, id }: KeptEvent) => Buffer.from(`${occurredAt.toISOString()} ${id}`).toString('base64url');

function readCursor(cursor: string): Position {
  const [, at = '', id = ''] = /^(\S{24}) ([\w-]{1,64})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (id === '' || Number.isNaN(Date.parse(at)))
    throw new AppError('audit.invalid_cursor', 400, 'This cursor was not given for a list of events.');
  return { at: new Date(at), id };
}

/**
 * What leads the search: each branch has an index that begins with its columns and ends with the time, so that a page costs as much as a page whatever
 * the number of events is, and several branches are as many pages.
 */
function branchesOf({ account, client, type }: AuditQuery): Sql[] {
  const types = type === undefined || type === '*' ? undefined : typesOf(type);
  const ofTypes = types ? sql`AND type IN (${sqlList([...types])})` : sql``;
  const ofClient = client === undefined ? sql`` : sql`AND client_id = ${client}`;
  if (account !== undefined)
    return [sql`subject_id = ${account} ${ofTypes} ${ofClient}`, sql`actor_id = ${account} ${ofTypes} ${ofClient}`];
  if (client !== undefined) return [sql`client_id = ${client} ${ofTypes}`];
  return types ? types.map((each) => sql`type = ${each}`) : [];
}

const within = ({ since, until }: AuditQuery): Sql =>
  sql`${since ? sql`AND occurred_at >= ${since}` : sql``} ${until ? sql`AND occurred_at < ${until}` : sql``}`;

export function createSearch({ repository }: { repository: ChainRepository }) {
  const read = (query: AuditQuery, { after, order, limit }: { after: Position | undefined; order: 'ASC' | 'DESC'; limit: number }) => {
    const beyond =
      after === undefined
        ? sql``
        : order === 'ASC'
          ? sql`AND occurred_at >= ${after.at} AND (occurred_at > ${after.at} OR id > ${after.id})`
          : sql`AND occurred_at <= ${after.at} AND (occurred_at < ${after.at} OR id < ${after.id})`;
    return repository.select(sql`${within(query)} ${beyond}`, order, limit, branchesOf(query));
  };
  return {
    /** The newest first. @throws AppError `audit.invalid_cursor` 400, `audit.unknown_type` 422 */
    async list({
      cursor,
      limit = 50,
      ...query
    }: AuditQuery & { cursor?: string | undefined; limit?: number | undefined }): Promise<AuditPage> {
      const size = Math.min(Math.max(1, limit), MAX_PAGE);
      const after = cursor === undefined ? undefined : readCursor(cursor);
      const found = await read(query, { after, order: 'DESC', limit: size + 1 });
      const last = found[size - 1];
      return { events: found.slice(0, size), nextCursor: found.length > size && last ? writeCursor(last) : null };
    },
    /** All of them, the oldest first, a page in memory at a time. @throws AppError `audit.unknown_type` 422 */
    async *each(query: AuditQuery): AsyncGenerator<KeptEvent> {
      let after: Position | undefined;
      for (let more = true; more; ) {
        const page: KeptEvent[] = await read(query, { after, order: 'ASC', limit: EXPORT_PAGE });
        yield* page;
        const last = page.at(-1);
        if (last) after = { at: last.occurredAt, id: last.id };
        more = page.length === EXPORT_PAGE;
      }
    },
  };
}
