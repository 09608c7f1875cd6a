import { nowDate } from '../clock.js';
import { type Database, noSql, type Sql, sql, sqlList, type Transaction } from '../db/index.js';

export type OutboxRow = {
  id: string;
  topic: string;
  recipient: string;
  payload: string;
  attempts: number;
  createdAt: Date;
  nextAttemptAt: Date | null;
  lastError: string | null;
};

export type OutboxRepository = ReturnType<typeof createOutboxRepository>;

export function createOutboxRepository({ db }: { db: Database }) {
  const { client } = db;
  return {
    /** To be run alone or in a transaction with others. @param onlyIf a condition without which nothing is inserted */
    insert(row: Pick<OutboxRow, 'id' | 'topic' | 'recipient' | 'payload'> & { at: Date }, onlyIf?: Sql) {
      const values = sql`${row.id}, ${row.topic}, ${row.recipient}, ${row.payload}, 0, ${row.at}, ${row.at}`;
      return client.$executeRaw`INSERT INTO outbox_messages (id, topic, recipient, payload, attempts, created_at, next_attempt_at)
        ${onlyIf ? sql`SELECT ${values} WHERE ${onlyIf}` : sql`VALUES (${values})`}`;
    },
    /** Those whose id is there already are left out. */
    async insertAll(
      rows: readonly (Pick<OutboxRow, 'id' | 'topic' | 'recipient' | 'payload'> & { at: Date })[],
      tx: Transaction,
    ): Promise<void> {
      await tx.$executeRaw`INSERT INTO outbox_messages (id, topic, recipient, payload, attempts, created_at, next_attempt_at)
        SELECT value ->> 'id', value ->> 'topic', value ->> 'recipient', value ->> 'payload', 0, ${db.jsonTime('at')}, ${db.jsonTime('at')}
        FROM ${db.jsonRows(rows)} WHERE 1 = 1 ON CONFLICT (id) DO NOTHING`;
    },
    /** What is due, the longest due first. */
    listDue(topic: string, at: Date, limit: number): Promise<OutboxRow[]> {
      return client.outboxMessage.findMany({
        where: { nextAttemptAt: { lte: at }, topic },
        orderBy: { nextAttemptAt: 'asc' },
        take: limit,
      });
    },
    /** Takes a message for one attempt. False when somebody else was first. */
    async take({ id, nextAttemptAt }: OutboxRow, leftAloneUntil: Date): Promise<boolean> {
      const { count } = await client.outboxMessage.updateMany({
        where: { id, nextAttemptAt },
        data: { nextAttemptAt: leftAloneUntil, attempts: { increment: 1 } },
      });
      return count > 0;
    },
    /** Moves on what else is due to the recipient of a message, without an attempt. */
    async postpone({ topic, recipient }: OutboxRow, at: Date, until: Date): Promise<void> {
      await client.$executeRaw`UPDATE outbox_messages SET next_attempt_at = ${until}
        WHERE topic = ${topic} AND recipient = ${recipient} AND next_attempt_at <= ${at}`;
    },
    async delete(id: string): Promise<void> {
      await client.outboxMessage.deleteMany({ where: { id } });
    },
    /** @param nextAttemptAt null: it is given up */
    async fail(id: string, lastError: string, nextAttemptAt: Date | null): Promise<void> {
      await client.outboxMessage.updateMany({ where: { id }, data: { lastError, nextAttemptAt } });
    },
    listGivenUp(topic: string | undefined, limit: number): Promise<OutboxRow[]> {
      return client.outboxMessage.findMany({
        where: { nextAttemptAt: null, ...(topic === undefined ? {} : { topic }) },
        orderBy: { createdAt: 'desc' },
        take: limit,
      });
    },
    /** What is still tried, by topic: how many, and since when the oldest. */
    async listWaiting(): Promise<{ topic: string; messages: number; since: Date; lastError: string | null }[]> {
      const waiting = { nextAttemptAt: { not: null } };
      const topics = await client.outboxMessage.groupBy({
        ...{ by: ['topic'], where: waiting, _count: { _all: true }, _min: { createdAt: true } },
        orderBy: { topic: 'asc' },
      });
      return Promise.all(
        topics.map(async ({ topic, _count, _min }) => {
          const failed = await client.outboxMessage.findFirst({
            where: { topic, ...waiting, lastError: { not: null } },
            orderBy: { createdAt: 'asc' },
            select: { lastError: true },
          });
          return { topic, messages: _count._all, since: _min.createdAt ?? nowDate(), lastError: failed?.lastError ?? null };
        }),
      );
    },
    /** What is still tried, of all topics together. */
    async measureWaiting(): Promise<{ messages: number; since: Date | null }> {
      const { _count, _min } = await client.outboxMessage.aggregate({
        ...{ where: { nextAttemptAt: { not: null } }, _count: { _all: true }, _min: { createdAt: true } },
      });
      return { messages: _count._all, since: _min.createdAt };
    },
    /** @returns how many were given up and are tried again */
    revive(ids: readonly string[] | undefined, at: Date): Promise<number> {
      if (ids?.length === 0) return Promise.resolve(0);
      const named = ids === undefined ? noSql : sql`AND id IN (${sqlList([...ids])})`;
      return client.$executeRaw`UPDATE outbox_messages SET next_attempt_at = ${at}, attempts = 0 WHERE next_attempt_at IS NULL ${named}`;
    },
    /** Gives up what has been tried for too long, in small numbers. */
    giveUpOld(topic: string, before: Date, limit: number): Promise<number> {
      return client.$executeRaw`UPDATE outbox_messages SET next_attempt_at = NULL WHERE id ${db.oneOf(
        sql`SELECT id FROM outbox_messages WHERE topic = ${topic} AND created_at < ${before} AND next_attempt_at IS NOT NULL LIMIT ${limit} ${db.skipLocked}`,
      )}`;
    },
    /** What was given up long ago, in small numbers. */
    deleteGivenUp(before: Date, limit: number): Promise<number> {
      return client.$executeRaw`DELETE FROM outbox_messages WHERE id ${db.oneOf(
        sql`SELECT id FROM outbox_messages WHERE next_attempt_at IS NULL AND created_at < ${before} LIMIT ${limit} ${db.skipLocked}`,
      )}`;
    },
  };
}
