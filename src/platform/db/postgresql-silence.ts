import pg from 'pg';

/** Every connection of this server is opened so. */
export const CONNECTION_OPTIONS = {
  /** A request waits so long for a connection; past it, it is told to come again. */
  connectionTimeoutMillis: 10_000,
  // What stands between forgets connections that are still, often after some minutes and without telling either end.
  keepAlive: true,
  keepAliveInitialDelayMillis: 30_000,
} as const satisfies pg.ClientConfig;

/** A statement that has been unanswered for so long is asked after. */
const QUIET_SECONDS = 5;

/** What the driver's client knows of its connection; its types leave both out. */
type Inside = {
  readyForQuery: boolean;
  connection: { stream: { bytesRead: number; destroy(error?: Error): unknown } };
};
type Watched = { client: Inside; bytesRead: number; quietSeconds: number };

/**
 * Ends the connections of a pool when the database has vanished. A host that goes without a word (power, a network that drops packets) ends no
 * connection: the system sends again for a quarter of an hour, and whoever waits for a statement waits as long.
 *
 * No statement has a time limit, since nobody can tell how long a migration, an import or a clean-up may take. Instead, where one has been
 * unanswered for some seconds, a new connection is tried: a database that takes it, or refuses it in words, is alive, and its statements are
 * left alone however long they take. Where none can be made, all are ended and every statement fails. So one waits 5 s, and 10 s for the new
 * connection. Nothing is done for a statement: once a second it is looked at which connections wait.
 */
export function endWhenSilent(pool: pg.Pool, config: pg.ClientConfig): void {
  const open = new Map<pg.PoolClient, Watched>();
  let looking: NodeJS.Timeout | undefined;
  let asking = false;

  async function look(): Promise<void> {
    let silent = false;
    for (const watched of open.values()) {
      const { readyForQuery, connection } = watched.client;
      const heard = readyForQuery || connection.stream.bytesRead !== watched.bytesRead;
      watched.bytesRead = connection.stream.bytesRead;
      watched.quietSeconds = heard ? 0 : watched.quietSeconds + 1;
      silent ||= watched.quietSeconds >= QUIET_SECONDS;
    }
    if (!silent || asking) return;
    asking = true;
    const doubted = [...open.values()];
    const read = doubted.map(({ client }) => client.connection.stream.bytesRead);
    const alive = await isAlive(config);
    asking = false;
    doubted.forEach((watched, index) => {
      watched.quietSeconds = 0;
      // One that was answered meanwhile shows that the database is there.
      const { stream } = watched.client.connection;
      if (!alive && stream.bytesRead === read[index]) stream.destroy(vanished());
    });
  }

  pool.on('connect', (client) => {
    const inside = client as unknown as Inside;
    open.set(client, { client: inside, bytesRead: inside.connection.stream.bytesRead, quietSeconds: 0 });
    looking ??= setInterval(() => void look(), 1000).unref();
  });
  pool.on('remove', (client) => {
    open.delete(client);
    if (open.size > 0) return;
    clearInterval(looking);
    looking = undefined;
  });
}

/** Whether anybody answers there. What is no answer of PostgreSQL (refused, no route, no reply in time) is none. */
async function isAlive(config: pg.ClientConfig): Promise<boolean> {
  const client = new pg.Client(config);
  // It may break while it is ended, which is no matter.
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    return error instanceof pg.DatabaseError;
  }
  client.end().catch(() => undefined);
  return true;
}

/** As a connection that the other side has reset, which every layer above understands. */
const vanished = () =>
  Object.assign(new Error('Connection terminated: the database no longer answers'), { code: 'ECONNRESET', errno: -104, syscall: 'read' });
