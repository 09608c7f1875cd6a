import { type Database, noSql, type Sql, sql, sqlList } from '../db/index.js';

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
    /** What is due, the longest due first. */
    listDue(topics: readonly string[], at: Date, limit: number): Promise<OutboxRow[]> {
      return client.outboxMessage.findMany({
        where: { nextAttemptAt: { lte: at }, topic: { in: [...topics] } },
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
    /** @returns how many were given up and are tried again */
    revive(ids: readonly string[] | undefined, at: Date): Promise<number> {
      if (ids?.length === 0) return Promise.resolve(0);
      const named = ids === undefined ? noSql : sql`AND id IN (${sqlList([...ids])})`;
      return client.$executeRaw`UPDATE outbox_messages SET next_attempt_at = ${at}, attempts = 0 WHERE next_attempt_at IS NULL ${named}`;
    },
    /** What was given up long ago, in small numbers. */
    deleteGivenUp(before: Date, limit: number): Promise<number> {
      return client.$executeRaw`DELETE FROM outbox_messages WHERE id ${db.oneOf(
        sql`SELECT id FROM outbox_messages WHERE next_attempt_at IS NULL AND created_at < ${before} LIMIT ${limit} ${db.skipLocked}`,
      )}`;
    },
  };
}
