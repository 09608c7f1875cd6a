import path from 'node:path';
import type { Plan } from './arguments.js';
import { operations } from './operations.js';
import type { Side } from './sides.js';

/** A login takes so long that its warm-up ends by this. */
const MAX_WARM_UP_MS = 15_000;

/** What one slice of one side gave. */
export type Sample = { operations: number; errors: number; seconds: number; cpuMs: number };
export type Measured = { side: string; samples: Sample[]; latenciesMs: number[]; firstError: string | undefined };

/**
 * Lets the sides take turns with one operation: slices of a second, the order turned round after each round, so that what changes on the machine
 * meanwhile (another process, the heat of the processor) meets all of them alike.
 */
export async function measure(name: string, sides: readonly Side[], plan: Plan): Promise<Measured[]> {
  const operation = operations.find((each) => each.name === name);
  if (!operation) throw new Error(`no operation ${name}`);
  const measured = sides.map((side): Measured => ({ side: side.name, samples: [], latenciesMs: [], firstError: undefined }));
  // As many for each process: with fewer it would do less in each turn of its event loop, which is not what another process costs.
  const connect = ({ load, kind, ports, processes }: Side) => load.prepare(name, kind, ports, operation.connections * processes);
  for (const side of sides) {
    await connect(side);
    await warmUp(side, plan);
  }
  const rounds = Math.max(2, Math.round(plan.durationSeconds / plan.sliceSeconds));
  for (let round = 0; round < rounds; round++) {
    const turns = sides.map((side, index) => ({ side, into: measured[index] as Measured }));
    for (const { side, into } of round % 2 === 0 ? turns : turns.reverse()) {
      // Anew for each slice: a line of tokens that grows for ever would be a load of its own.
      await connect(side);
      if (plan.profileFolder) await side.meters.read('profile');
      const before = await side.meters.read();
      const slice = await side.load.run({ milliseconds: plan.sliceSeconds * 1000 });
      const after = await side.meters.read();
      if (plan.profileFolder) await side.meters.read(`profiled ${path.resolve(plan.profileFolder, `${name}.${side.name}.${round}`)}`);
      into.samples.push({
        ...{ operations: slice.operations, errors: slice.errors, seconds: slice.seconds, cpuMs: after.cpuMs - before.cpuMs },
      });
      into.latenciesMs.push(...slice.latenciesMs);
      into.firstError ??= slice.firstError;
    }
  }
  return measured;
}

/**
 * By operations as well as by time: how many it takes until the engine has compiled what is called depends on the machine, and one that is loaded
 * does few in a second. Each process compiles for itself.
 */
async function warmUp({ load, processes }: Side, { warmUpSeconds, warmUpOperations }: Plan): Promise<void> {
  const deadline = performance.now() + MAX_WARM_UP_MS * processes;
  let done = 0;
  for (let ms = warmUpSeconds * 1000; ; ms = 1000) {
    done += (await load.run({ milliseconds: ms })).operations;
    if (done >= warmUpOperations * processes || performance.now() > deadline) return;
  }
}
