import net from 'node:net';

export type TcpProxy = {
  port: number;
  /** Ends every connection and takes no more, as a stopped server does. */
  cut(): Promise<void>;
  /** Listens again, on the same port. */
  mend(): Promise<void>;
  /** Passes nothing on any more and says so to nobody, as a host does that has lost its power: connections stay, new ones are taken. */
  swallow(): void;
  /** Passes on again what new connections bring; the ones that were open meanwhile stay dead. */
  passOn(): void;
  close(): Promise<void>;
};

/** Passes connections on to the targets in turn: what stands between processes and can be cut. */
export async function startTcpProxy(targets: () => readonly { host: string; port: number }[]): Promise<TcpProxy> {
  const open = new Set<net.Socket>();
  let turn = 0;
  let swallowing = false;
  const server = net.createServer((socket) => {
    if (swallowing) {
      open.add(socket);
      return void socket
        .on('error', () => undefined)
        .on('close', () => open.delete(socket))
        .resume();
    }
    const candidates = targets();
    const target = candidates[turn++ % candidates.length];
    if (!target) return void socket.destroy();
    const onward = net.connect(target);
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const) {
      open.add(one);
      one.setNoDelay(true);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  });
  const listen = (port: number) =>
    new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', resolve);
    });
  await listen(0);
  const { port } = server.address() as net.AddressInfo;
  const cut = async () => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  };
  const swallow = () => {
    swallowing = true;
    for (const socket of open) socket.unpipe().resume();
  };
  const passOn = () => {
    swallowing = false;
  };
  return { port, cut, mend: () => listen(port), swallow, passOn, close: cut };
}
