import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

const TYPES: Record<number, 'A' | 'AAAA'> = { 1: 'A', 28: 'AAAA' };

export type Names = Record<string, { A?: readonly string[]; AAAA?: readonly string[] } | 'silent'>;

/** A name server (RFC 1035) that knows a few names, and does not answer for some. */
export async function startNameServer(names: Names) {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = TYPES[query.readUInt16BE(at + 1)];
    const [name, end] = [labels.join('.').toLowerCase(), at + 5];
    asked.push(`${name} ${type}`);
    const known = names[name];
    if (known === 'silent') return;
    const addresses = (type && known?.[type]) ?? [];
    const records = addresses.map((address) => {
      const data = address.includes(':')
        ? Buffer.from(
            address
              .split(':')
              .map((part) => part.padStart(4, '0'))
              .join(''),
            'hex',
          )
        : Buffer.from(address.split('.').map(Number));
      // A pointer to the name in the question, the type, class IN, a minute, the address.
      const head = Buffer.from([0xc0, 12, 0, type === 'A' ? 1 : 28, 0, 1, 0, 0, 0, 60, 0, data.length]);
      return Buffer.concat([head, data]);
    });
    const header = Buffer.from([query[0] ?? 0, query[1] ?? 0, 0x81, known ? 0x80 : 0x83, 0, 1, 0, records.length, 0, 0, 0, 0]);
    socket.send(Buffer.concat([header, query.subarray(12, end), ...records]), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return {
    server: `127.0.0.1:${(socket.address() as AddressInfo).port}`,
    asked,
    close: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
}
