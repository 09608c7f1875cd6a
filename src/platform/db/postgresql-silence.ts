import { setImmediate as nextTurn } from 'node:timers/promises';
import pg from 'pg';

/** Every connection of this server is opened so. */
export const CONNECTION_OPTIONS = {
  /** A request waits so long for a connection; past it, it is told to come again. */
  connectionTimeoutMillis: 10_000,
  // NAT and load balancers forget idle connections, often after some minutes and without telling either end.
  keepAlive: true,
  keepAliveInitialDelayMillis: 30_000,
} as const satisfies pg.ClientConfig;

/** A statement that has been unanswered for so long is asked after. */
const QUIET_SECONDS = 5;

/** A new connection that got no answer counts only where so many looks passed meanwhile: a process that stood still heard nothing either. */
const LOOKS_OF_AN_ATTEMPT = 5;

/** What the driver's client knows of its connection; its types leave it out. */
type Inside = {
  readyForQuery: boolean;
  processID: number | null;
  connection: { stream: NodeJS.EventEmitter & { bytesRead: number; destroy(error?: Error): unknown } };
};
type Watched = { client: Inside; bytesRead: number; quietSeconds: number };

/** What a new connection shows: that nobody is there, that there was no answer in time, or which processes do nothing for us. */
type Finding = 'unreachable' | 'silent' | { idle: ReadonlySet<number> };
const NOTHING: Finding = { idle: new Set() };

/**
 * Ends the connections of a pool when the database has vanished. A host that goes without a word (power, a network that drops packets) ends no
 * connection: the system sends again for a quarter of an hour, and whoever waits for a statement waits as long.
 *
 * No statement has a time limit, since nobody can tell how long a migration, an import or a clean-up may take. Instead, where one has been
 * unanswered for some seconds, a new connection is tried. Where the network makes none, and no other connection hears anything meanwhile, all
 * are ended and every statement fails. Where one is made, PostgreSQL is asked whether it works for those that wait: a connection whose process
 * is gone (another host took over) or idle (a firewall on the way forgot it) is ended alone. Whatever else happens (no name, no file handle, a
 * refused certificate or password) says nothing about the statements, and they are left alone. Nothing is done for a statement: once a second
 * it is looked at which connections wait.
 */
export function endWhenSilent(pool: pg.Pool, config: pg.ClientConfig): void {
  const open = new Map<pg.PoolClient, Watched>();
  let looking: NodeJS.Timeout | undefined;
  let asking = false;
  let looks = 0;
  let connected = 0;

  async function look(): Promise<void> {
    looks += 1;
    for (const watched of open.values()) {
      const { readyForQuery, connection } = watched.client;
      const heard = readyForQuery || connection.stream.bytesRead !== watched.bytesRead;
      watched.bytesRead = connection.stream.bytesRead;
      watched.quietSeconds = heard ? 0 : watched.quietSeconds + 1;
    }
    const all = [...open.values()];
    const waiting = all.filter(({ quietSeconds }) => quietSeconds >= QUIET_SECONDS);
    if (waiting.length === 0 || asking) return;
    asking = true;
    const before = new Map(all.map(({ client }) => [client, client.connection.stream.bytesRead]));
    const heardNothing = ({ client }: Watched) => client.connection.stream.bytesRead === before.get(client);
    const [began, had] = [looks, connected];
    const found = await ask(
      config,
      waiting.flatMap(({ client }) => client.processID ?? []),
    );
    // A timer may be due before what the network has brought is read.
    await nextTurn();
    asking = false;
    for (const watched of all) watched.quietSeconds = 0;
    if (typeof found === 'object') {
      for (const watched of waiting) {
        const { client } = watched;
        if (client.processID !== null && found.idle.has(client.processID) && heardNothing(watched)) end(client);
      }
      return;
    }
    if (found === 'silent' && looks - began < LOOKS_OF_AN_ATTEMPT) return;
    if (connected !== had || !all.every(heardNothing)) return;
    for (const { client } of all) end(client);
  }

  pool.on('connect', (client) => {
    connected += 1;
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

/** What the system says when the network makes no connection. */
const UNREACHABLE = new Set(['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'ECONNREFUSED', 'ECONNRESET']);

/**
 * Which of these processes are gone, or have been idle for longer than we wait. Behind a pooler the numbers are its own, which shows in that of
 * the new connection, and a standby knows nothing of another host: both answer none. A number that another
 * connection has by now is not ours any more, whatever that one does.
 */
const IDLE = `SELECT asked.pid FROM unnest($1::int[]) AS asked(pid) LEFT JOIN pg_stat_activity AS process ON process.pid = asked.pid
  WHERE pg_backend_pid() = $2 AND NOT pg_is_in_recovery() AND (process.pid IS NULL
    OR (process.state LIKE 'idle%' AND process.state_change < clock_timestamp() - interval '${QUIET_SECONDS} seconds'))`;

async function ask(config: pg.ClientConfig, processes: number[]): Promise<Finding> {
  const client = new pg.Client({ ...config, query_timeout: QUIET_SECONDS * 1000 });
  // It may break while it is ended, which is no matter.
  client.on('error', () => undefined);
  const inside = client as unknown as Inside;
  const { stream } = inside.connection;
  // While the name is still looked up, silence is that of the name server.
  let attempted = false;
  stream.once('connectionAttempt', () => (attempted = true));
  try {
    await client.connect();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (attempted && UNREACHABLE.has(code ?? '')) return 'unreachable';
    return attempted && message === 'timeout expired' && stream.bytesRead === 0 ? 'silent' : NOTHING;
  }
  try {
    const { rows } = await client.query<{ pid: number }>(IDLE, [processes, inside.processID]);
    return { idle: new Set(rows.map(({ pid }) => pid)) };
  } catch {
    // Behind a pooler whose connections are all in use it waits as well.
    return NOTHING;
  } finally {
    client.end().catch(() => undefined);
  }
}

/** As a connection that the other side has reset, which every layer above understands. */
const end = ({ connection }: Inside) =>
  connection.stream.destroy(
    Object.assign(new Error('Connection terminated: the database no longer answers'), { code: 'ECONNRESET', errno: -104, syscall: 'read' }),
  );
