/** The load generator, a process of its own: does one operation again and again over kept connections, for as long as it is told. */
import { Connection } from './http.js';
import { type Kind, operations, type Worker } from './operations.js';

export type Order =
  | { order: 'prepare'; operation: string; kind: Kind; ports: readonly number[]; connections?: number | undefined }
  | { order: 'run'; milliseconds: number; everyMs?: number | undefined }
  | { order: 'run'; times: number };
export type Slice = { operations: number; errors: number; seconds: number; latenciesMs: number[]; firstError?: string };
export type Reply = { slice: Slice } | { prepared: true } | { failed: string };

let prepared: (() => Promise<void>)[] = [];
let connections: Connection[] = [];

async function prepare({ operation: name, kind, ports, connections: count }: Order & { order: 'prepare' }): Promise<void> {
  for (const connection of connections) connection.close();
  const operation = operations.find((each) => each.name === name);
  if (!operation) throw new Error(`no operation ${name}`);
  const workers = Array.from(
    { length: count ?? operation.connections },
    (_, index): Worker => ({ kind, index, connection: new Connection(ports[index % ports.length] as number, `192.0.2.${index + 1}`) }),
  );
  connections = workers.map(({ connection }) => connection);
  prepared = await Promise.all(workers.map((worker) => operation.prepare(worker)));
}

/**
 * @param bound.everyMs each connection begins an operation so often; what has to wait for the answer to the one before counts from when it should
 *   have begun. Without it: as soon as the one before is answered
 */
async function run({
  milliseconds = Number.POSITIVE_INFINITY,
  times = Number.POSITIVE_INFINITY,
  everyMs,
}: {
  milliseconds?: number;
  times?: number;
  everyMs?: number | undefined;
}): Promise<Slice> {
  const slice: Slice = { operations: 0, errors: 0, seconds: 0, latenciesMs: [] };
  const begun = performance.now();
  let left = times;
  const repeat = async (once: () => Promise<void>, index: number, { length }: { length: number }) => {
    for (let turn = 0; performance.now() - begun < milliseconds && left-- > 0; turn++) {
      // Connections begin one after the other, not all at once.
      let at = everyMs === undefined ? performance.now() : begun + (turn + index / length) * everyMs;
      if (at > performance.now()) {
        await new Promise((resolve) => setTimeout(resolve, at - performance.now()));
        at = performance.now();
      }
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
      await prepare(message);
      reply({ prepared: true });
    }
  } catch (error) {
    reply({ failed: String((error as Error).stack) });
  }
});
process.once('disconnect', () => process.exit(0));
