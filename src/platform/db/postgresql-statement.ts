import pg from 'pg';
import type { DirectStatement, Done } from './direct.js';

/** What the driver's connection sends (`pg/lib/connection`). */
type Connection = {
  stream: { cork(): void; uncork(): void };
  parse(message: { text: string }): void;
  bind(message: { values: readonly Parameter[] }): void;
  describe(message: { type: 'P' }): void;
  execute(message: object): void;
  sync(): void;
};
type Field = { name: string; dataTypeID: number };
/** What a statement gave: its rows, and how many it changed. */
export type Answer = { rows: object[]; changes: number };
type Parameter = string | Buffer | null;

/**
 * One statement as the driver's client sends it and is answered; see `Query` in `pg`, which makes an emitter, two copies of its settings and
 * three objects for the columns each time, and costs twice as much. It has no name on the server: poolers that hand out connections by
 * transaction would have to know about it.
 */
export class PostgresqlStatement implements pg.Submittable {
  readonly #text: string;
  readonly #values: Parameter[];
  /** The client puts another in its place where a time is set for queries. */
  callback: Done<Answer>;
  #fields: readonly Field[] = [];
  readonly #rows: (string | null)[][] = [];
  #changes = 0;

  /** @throws TypeError for a value that no column takes */
  constructor({ sql, args }: DirectStatement, done: Done<Answer>) {
    this.#text = sql;
    this.#values = args.map(toParameter);
    this.callback = done;
  }

  submit(connection: unknown): null {
    const to = connection as Connection;
    to.stream.cork();
    try {
      to.parse({ text: this.#text });
      to.bind({ values: this.#values });
      to.describe({ type: 'P' });
      to.execute({});
      to.sync();
    } finally {
      to.stream.uncork();
    }
    return null;
  }

  handleRowDescription({ fields }: { fields: readonly Field[] }): void {
    this.#fields = fields;
  }
  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    this.#rows.push(fields);
  }
  handleCommandComplete({ text }: { text: string }): void {
    // "UPDATE 2", "INSERT 0 1"
    this.#changes = Number(text.slice(text.lastIndexOf(' ') + 1)) || 0;
  }
  handleError(error: unknown): void {
    this.callback(error);
  }
  handleReadyForQuery(): void {
    let rows: object[];
    try {
      rows = toObjects(this.#fields, this.#rows);
    } catch (error) {
      this.callback(error);
      return;
    }
    this.callback(null, { rows, changes: this.#changes });
  }
  handleEmptyQuery(): void {}
  handlePortalSuspended(): void {}
  handleCopyData(): void {}
  handleCopyInResponse(connection: { sendCopyFail(reason: string): void }): void {
    connection.sendCopyFail('nothing is copied here');
  }
}

/** As text, whatever the time zone of the server or of this machine. */
function toParameter(value: unknown): Parameter {
  if (typeof value === 'string' || value === null) return value;
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return String(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw new TypeError('a parameter of a statement is missing');
}

type Conversion = ((text: string) => unknown) | undefined;

const asText: Conversion = undefined;
const { builtins } = pg.types;

/** What columns are in code, by type, as on SQLite; the driver says it of every other. Columns of times have no zone and are in UTC. */
const CONVERSIONS = new Map<number, Conversion>([
  [builtins.INT8, BigInt],
  [builtins.TIMESTAMP, (text) => new Date(`${text.replace(' ', 'T')}Z`)],
  ...[builtins.TEXT, builtins.VARCHAR, builtins.NUMERIC, builtins.JSON, builtins.JSONB].map((type) => [type, asText] as const),
]);

const conversionOf = ({ dataTypeID }: Field): Conversion =>
  CONVERSIONS.has(dataTypeID) ? CONVERSIONS.get(dataTypeID) : pg.types.getTypeParser(dataTypeID);

function toObjects(fields: readonly Field[], rows: readonly (string | null)[][]): object[] {
  if (rows.length === 0) return [];
  const conversions = fields.map(conversionOf);
  return rows.map((row) => {
    const object: Record<string, unknown> = {};
    for (let column = 0; column < fields.length; column++) {
      const text = row[column] as string | null;
      const convert = conversions[column];
      object[(fields[column] as Field).name] = convert && text !== null ? convert(text) : text;
    }
    return object;
  });
}
