/** What the server holds while it works: a mixture of all operations, and its memory after each tenth of them. */
import type { Side } from './sides.js';

/** Of a hundred operations, about as an installation sees them. */
const MIXTURE: Record<string, number> = {
  discovery: 4,
  jwks: 6,
  client_credentials_jwt: 20,
  client_credentials_opaque: 10,
  code_exchange: 15,
  refresh: 20,
  introspection: 14,
  userinfo: 9.5,
  login: 1,
  // Few in a row: judging a password has a share of the time, and past it registrations are refused as busy.
  registration: 0.1,
};

const TENTHS = 10;

export type MemoryReading = { operations: number; rssMib: number; heapUsedMib: number };
export type MemoryFigures = {
  readings: MemoryReading[];
  /** of the heap after a full collection, from one half to the whole: what was kept of the second half */
  keptMib: number;
  errors: number;
  firstError?: string | undefined;
};

const mib = (bytes: number) => Math.round((bytes / 2 ** 20) * 10) / 10;

/**
 * The collector is asked to run at the half and at the end alone, and resident memory is read before it has, so that what an operator sees is
 * what is told.
 */
export async function watchMemory(
  side: Side,
  { operations, names, say }: { operations: number; names: readonly string[]; say(text: string): void },
): Promise<MemoryFigures> {
  const figures: MemoryFigures = { readings: [], keptMib: 0, errors: 0 };
  const shares = names.reduce((sum, name) => sum + (MIXTURE[name] ?? 0), 0);
  let done = 0;
  let atHalf = 0;
  const read = async () => {
    const { rssBytes, heapBytes } = await side.meters.read();
    const reading = { operations: done, rssMib: mib(rssBytes), heapUsedMib: mib(heapBytes) };
    figures.readings.push(reading);
    say(
      `${String(done).padStart(9)} operations   ${reading.rssMib.toFixed(1)} MiB resident   ${reading.heapUsedMib.toFixed(1)} MiB of heap`,
    );
  };
  await read();
  for (let tenth = 1; tenth <= TENTHS; tenth++) {
    for (const name of names) {
      const times = Math.max(1, Math.round(((operations / TENTHS) * (MIXTURE[name] ?? 0)) / shares));
      await side.load.prepare(name, side.kind, side.ports);
      const slice = await side.load.run({ times });
      done += slice.operations;
      figures.errors += slice.errors;
      if (slice.firstError) figures.firstError ??= `${name}: ${slice.firstError}`;
    }
    await read();
    if (tenth === TENTHS / 2) atHalf = (await collected(side)).heapBytes;
  }
  figures.keptMib = mib((await collected(side)).heapBytes - atHalf);
  return figures;
}

/** What is only let go of in the turn after a collection goes with the second one. */
async function collected(side: Side): Promise<{ heapBytes: number }> {
  await side.meters.read('gc');
  await new Promise((resolve) => setTimeout(resolve, 300));
  return side.meters.read('gc');
}
