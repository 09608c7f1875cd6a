/** The load generator, a process of its own: does one operation again and again over kept connections, for as long as it is told. */
import { Connection } from './http.js';
import { type Kind, operations, type Worker } from './operations.js';

export type Order =
  | { order: 'prepare'; operation: string; kind: Kind; port: number }
  | { order: 'run'; milliseconds: number }
  | { order: 'run'; times: number };
export type Slice = { operations: number; errors: number; seconds: number; latenciesMs: number[]; firstError?: string };
export type Reply = { slice: Slice } | { prepared: true } | { failed: string };

let prepared: (() => Promise<void>)[] = [];
let connections: Connection[] = [];

async function prepare(name: string, kind: Kind, port: number): Promise<void> {
  for (const connection of connections) connection.close();
  const operation = operations.find((each) => each.name === name);
  if (!operation) throw new Error(`no operation ${name}`);
  const workers = Array.from(
    { length: operation.connections },
    (_, index): Worker => ({ kind, index, connection: new Connection(port, `192.0.2.${index + 1}`) }),
  );
  connections = workers.map(({ connection }) => connection);
  prepared = await Promise.all(workers.map((worker) => operation.prepare(worker)));
}

async function run({ milliseconds = Number.POSITIVE_INFINITY, times = Number.POSITIVE_INFINITY }): Promise<Slice> {
  const slice: Slice = { operations: 0, errors: 0, seconds: 0, latenciesMs: [] };
  const begun = performance.now();
  let left = times;
  const repeat = async (once: () => Promise<void>) => {
    while (performance.now() - begun < milliseconds && left-- > 0) {
      const at = performance.now();
      try {
        await once();
        slice.latenciesMs.push(performance.now() - at);
      } catch (error) {
        slice.errors++;
        slice.firstError ??= String((error as Error).message);
      }
      slice.operations++;
    }
  };
  await Promise.all(prepared.map(repeat));
  slice.seconds = (performance.now() - begun) / 1000;
  return slice;
}

process.on('message', async (message: Order) => {
  const reply = (answer: Reply) => process.send?.(answer);
  try {
    if (message.order === 'run') reply({ slice: await run(message) });
    else {
      await prepare(message.operation, message.kind, message.port);
      reply({ prepared: true });
    }
  } catch (error) {
    reply({ failed: String((error as Error).stack) });
  }
});
process.once('disconnect', () => process.exit(0));
