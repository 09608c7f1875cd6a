import net from 'node:net';

export type TcpProxy = {
  port: number;
  /** Ends every connection and takes no more, as a stopped server does. */
  cut(): Promise<void>;
  /** Listens again, on the same port. */
  mend(): Promise<void>;
  close(): Promise<void>;
};

/** Passes connections on to the targets in turn: what stands between processes and can be cut. */
export async function startTcpProxy(targets: () => readonly { host: string; port: number }[]): Promise<TcpProxy> {
  const open = new Set<net.Socket>();
  let turn = 0;
  const server = net.createServer((socket) => {
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
  return { port, cut, mend: () => listen(port), close: cut };
}
