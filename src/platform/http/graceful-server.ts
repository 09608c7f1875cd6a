import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';

export type GracefulServer = {
  listen(port: number, host: string): Promise<void>;
  /** From now on every answer says `Connection: close`: who keeps a connection opens another one next time. Connections are still taken. */
  discourage(): void;
  /**
   * Takes no more connections; answers what is under way and what comes on connections that are there. Resolves when all are closed. Those that
   * are idle are closed after a second, or, where others go on serving, when their keep-alive time is up, which clients know: a request may be on
   * its way. Whoever sends one meanwhile is answered, and told by `Connection: close`.
   * @param options.timeoutMs then the rest is cut off
   * @returns whether everything was finished by itself
   */
  close(options: { timeoutMs: number; keepIdle?: boolean }): Promise<boolean>;
};

const WATCH_MS = 100;
/** So long an idle connection is still listened to: who uses it all the time is told to leave it, instead of finding it gone. */
const IDLE_MS = 1_000;
/** So long the rest of a request may take to arrive while nothing else is under way. */
const QUIET_MS = 2_000;

const ANSWER = Symbol('the latest answer on this connection that is not out yet');
type Connection = net.Socket & { [ANSWER]?: ServerResponse | undefined };

/** An HTTP server that can be stopped without losing a request. */
export function createGracefulServer(handle: (request: IncomingMessage, response: ServerResponse) => void): GracefulServer {
  // A response is a member of its connection, not of a set of all: a table that takes in and lets go of one for each request is copied again and
  // again among old objects, and each copy keeps what was in it until the next full collection.
  const connections = new Set<Connection>();
  let underWay = 0;
  let leaving = false;
  function answered(this: ServerResponse): void {
    underWay--;
    const connection: Connection = this.req.socket;
    if (connection[ANSWER] === this) connection[ANSWER] = undefined;
  }
  const server = createServer((request, response) => {
    underWay++;
    (request.socket as Connection)[ANSWER] = response;
    // It happens once; what `once` keeps to be rid of the listener is more than the listener.
    response.on('close', answered);
    if (leaving) response.shouldKeepAlive = false;
    handle(request, response);
  });
  const untouched = new Set<net.Socket>();
  server.on('connection', (socket) => {
    connections.add(socket);
    untouched.add(socket);
    socket.once('data', () => untouched.delete(socket));
    socket.once('close', () => {
      connections.delete(socket);
      untouched.delete(socket);
    });
  });
  // A client that sends its request a byte at a time must not hold a connection for ever.
  server.requestTimeout = 30_000;
  server.headersTimeout = 15_000;

  function discourage(): void {
    leaving = true;
    // Those that have not begun their answer yet.
    for (const { [ANSWER]: answer } of connections) if (answer) answer.shouldKeepAlive = false;
  }

  return {
    listen(port, host) {
      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, () => {
          server.off('error', reject);
          resolve();
        });
      });
    },
    discourage,
    close({ timeoutMs, keepIdle = false }) {
      discourage();
      return new Promise((resolve) => {
        let byItself = true;
        const cut = setTimeout(() => {
          byItself = false;
          server.closeAllConnections();
        }, timeoutMs);
        const closeIdle = () => {
          server.closeIdleConnections();
          // Opened ahead of time, as browsers do; Node does not count them as idle.
          for (const socket of untouched) socket.destroy();
        };
        // After the next look at the network: what has arrived by then is a request under way, and its connection no longer idle.
        const idle = keepIdle ? undefined : setTimeout(() => setImmediate(closeIdle), IDLE_MS);
        // With no answer outstanding, what is left are requests that somebody began to send and never finished.
        let quietMs = 0;
        const watch = setInterval(() => {
          quietMs = underWay === 0 ? quietMs + WATCH_MS : 0;
          if (quietMs >= (keepIdle ? server.keepAliveTimeout + QUIET_MS / 2 : QUIET_MS)) server.closeAllConnections();
        }, WATCH_MS);
        const closed = () => {
          clearTimeout(cut);
          clearTimeout(idle);
          clearInterval(watch);
          // Ends Node's looking for slow requests, which would keep the server in memory.
          server.close();
          resolve(byItself);
        };
        // An HTTP server's own `close` closes idle connections at once, so it comes last.
        net.Server.prototype.close.call(server, closed);
      });
    },
  };
}
