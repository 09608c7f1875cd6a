import type { ArgType, SqlDriverAdapter, SqlDriverAdapterFactory, SqlQuery, SqlResultSet } from '@prisma/driver-adapter-utils';
import type { Sql } from './database.js';

/**
 * Single statements that go to the driver adapter without Prisma's client, which takes three to five times as long as SQLite does with a row.
 * The adapter is the one that the client uses: same connection or pool, same lock, heard by the same watcher.
 */
export type DirectStatements = {
  query<Row>(statement: Sql): Promise<Row[]>;
  execute(statement: Sql): Promise<number>;
};

/** A driver adapter that may also give rows as objects by itself. */
export type DirectAdapter = SqlDriverAdapter & { queryRows?(query: SqlQuery): Promise<object[]> };

type Adapter = Pick<DirectAdapter, 'queryRaw' | 'executeRaw' | 'queryRows'>;

/** Keeps the adapter that a factory opens. */
export function keepAdapter<Factory extends SqlDriverAdapterFactory>(
  factory: Factory,
): { factory: Factory; adapter(): Adapter | undefined } {
  let kept: Adapter | undefined;
  const connect = factory.connect.bind(factory);
  factory.connect = async () => {
    const adapter = await connect();
    kept = adapter;
    return adapter;
  };
  return { factory, adapter: () => kept };
}

/** @param options.connect opens the adapter where nobody has used it yet */
export function createDirectStatements({
  adapter,
  connect,
  toQuery,
}: {
  adapter(): Adapter | undefined;
  connect(): Promise<void>;
  toQuery(statement: Sql): SqlQuery;
}): DirectStatements {
  async function opened(): Promise<Adapter> {
    await connect();
    const open = adapter();
    if (!open) throw new Error('the database was not opened');
    return open;
  }
  return {
    async query<Row>(statement: Sql) {
      const open = adapter() ?? (await opened());
      const query = toQuery(statement);
      return (open.queryRows ? await open.queryRows(query) : toObjects(await open.queryRaw(query))) as Row[];
    },
    async execute(statement) {
      const open = adapter() ?? (await opened());
      return open.executeRaw(toQuery(statement));
    },
  };
}

/** Adapters only ask what a Date or a text stands for; the values here say it by themselves. */
const ANY: ArgType = { scalarType: 'unknown', arity: 'scalar' };
const argTypes = Array.from({ length: 64 }, () => ANY);

/** @param text of the statement, in the style of placeholders that the database has */
export const queryOf = (text: string, values: readonly unknown[]): SqlQuery => ({
  sql: text,
  args: values as unknown[],
  argTypes: values.length <= argTypes.length ? argTypes : values.map(() => ANY),
});

/** Column types of driver adapters, by number (`ColumnTypeEnum`). */
const INT_64 = 1;
const DATE_TIME = 10;

function toObjects({ columnNames, columnTypes, rows }: SqlResultSet): unknown[] {
  return rows.map((row) => {
    const object: Record<string, unknown> = {};
    for (let column = 0; column < columnNames.length; column++) {
      object[columnNames[column] as string] = toValue(row[column], columnTypes[column] as number);
    }
    return object;
  });
}

function toValue(value: unknown, type: number): unknown {
  if (value === null) return null;
  if (type === DATE_TIME) return new Date(value as string);
  return type === INT_64 ? BigInt(value as string) : value;
}
