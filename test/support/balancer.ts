import net from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export type Balancer = {
  url: string;
  /** Sends every new connection to one of the targets; undefined: to each that is ready, in turn. */
  pin(target: number | undefined): void;
  /** Waits until a target has been seen ready, or not ready. */
  seen(target: number, ready: boolean): Promise<void>;
  close(): Promise<void>;
};

const CHECK_MS = 100;

/** A load balancer at its simplest: asks each target's /readyz ten times a second, and tries the next one where a connection is not taken. */
export async function startBalancer(ports: readonly number[]): Promise<Balancer> {
  const ready = ports.map(() => false);
  const open = new Set<net.Socket>();
  let pinned: number | undefined;
  let turn = 0;
  let closed = false;

  const server = net.createServer((socket) => {
    socket.setNoDelay(true);
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    const all = ports.map((_, index) => index);
    const candidates = pinned === undefined ? all.filter((index) => ready[index]) : [pinned];
    turn += 1;
    void passOn(socket, [...candidates.slice(turn % candidates.length), ...candidates.slice(0, turn % candidates.length)]);
  });

  function passOn(socket: net.Socket, [target, ...others]: number[]): void {
    if (target === undefined) return void socket.destroy();
    const onward = net.connect(ports[target] as number, '127.0.0.1');
    let connected = false;
    onward.setNoDelay(true);
    onward.once('connect', () => {
      connected = true;
      socket.pipe(onward).pipe(socket);
    });
    socket.once('close', () => onward.destroy());
    onward.on('error', () => (connected ? socket.destroy() : passOn(socket, others)));
    onward.once('close', () => connected && socket.destroy());
    socket.on('error', () => onward.destroy());
  }

  async function check(target: number): Promise<void> {
    while (!closed) {
      ready[target] = await fetch(`http://127.0.0.1:${ports[target]}/readyz`, { headers: { connection: 'close' } }).then(
        ({ status }) => status === 200,
        () => false,
      );
      await delay(CHECK_MS);
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const checks = ports.map((_, target) => check(target));
  return {
    url: `http://127.0.0.1:${(server.address() as net.AddressInfo).port}`,
    pin(target) {
      pinned = target;
    },
    async seen(target, expected) {
      while (ready[target] !== expected) await delay(10);
    },
    async close() {
      closed = true;
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await Promise.all(checks);
    },
  };
}
