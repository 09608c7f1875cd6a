import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import net, { type AddressInfo, type Server } from 'node:net';
import { certificate, certificateKey } from './tls.js';

export type Listening = { port: number; url: string; requests: number; connections: number; close(): Promise<void> };

async function listen(server: Server, scheme: 'http' | 'https', host: string): Promise<Listening> {
  const sockets = new Set<net.Socket>();
  const listening: Listening = {
    port: 0,
    url: '',
    requests: 0,
    connections: 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', (socket: net.Socket) => {
    listening.connections++;
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('request', () => listening.requests++);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  listening.port = (server.address() as AddressInfo).port;
  listening.url = `${scheme}://${net.isIPv6(host) ? `[${host}]` : host}:${listening.port}`;
  return listening;
}

/** A server on this machine that a test has somebody name. */
export const listenHttp = (handle: RequestListener, host = '127.0.0.1') => listen(http.createServer(handle), 'http', host);

/** The same over TLS, with the certificate of keys.example.com. */
export const listenHttps = (handle: RequestListener) =>
  listen(https.createServer({ cert: certificate, key: certificateKey }, handle), 'https', '127.0.0.1');

/** One that speaks whatever `handle` writes. */
export const listenRaw = (handle: (socket: net.Socket) => void) => listen(net.createServer(handle), 'http', '127.0.0.1');
