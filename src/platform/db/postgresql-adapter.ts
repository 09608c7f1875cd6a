import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { adapterErrors, type DirectDriver, type DirectStatement, type Done } from './direct.js';
import { CONNECTION_OPTIONS, endWhenSilent } from './postgresql-silence.js';
import { type Answer, PostgresqlStatement } from './postgresql-statement.js';

/** Prisma's adapter for PostgreSQL, with direct statements on the pool that it uses itself. */
export class PostgresqlAdapter extends PrismaPg {
  readonly #config: pg.ClientConfig;

  constructor({ url, poolSize }: { url: string; poolSize: number }) {
    const config = { connectionString: url, ...CONNECTION_OPTIONS };
    super({ ...config, max: poolSize });
    this.#config = config;
  }

  override async connect() {
    const adapter = await super.connect();
    const pool = adapter.underlyingDriver();
    endWhenSilent(pool, this.#config);
    const direct: DirectDriver = {
      readAll: (statement, done) =>
        send(
          pool,
          statement,
          adapterErrors(adapter, (error, answer) => done(error, answer?.rows)),
        ),
      readFirst: (statement, done) =>
        send(
          pool,
          statement,
          adapterErrors(adapter, (error, answer) => done(error, answer?.rows[0])),
        ),
      write: (statement, done) =>
        send(
          pool,
          statement,
          adapterErrors(adapter, (error, answer) => done(error, answer?.changes)),
        ),
    };
    return Object.assign(adapter, direct);
  }
}

/** As `pool.query` does: a connection that failed, or whose statement did, is not used again. */
function send(pool: pg.Pool, statement: DirectStatement, done: Done<Answer>): void {
  pool.connect((unconnected, client, release) => {
    if (unconnected || !client) return done(unconnected);
    let ended = false;
    const end = (error: unknown, answer?: Answer) => {
      if (ended) return;
      ended = true;
      client.removeListener('error', end);
      release(error === null ? undefined : (error as Error));
      done(error, answer);
    };
    client.once('error', end);
    try {
      client.query(new PostgresqlStatement(statement, end));
    } catch (error) {
      end(error);
    }
  });
}
