/** What a flood of logins does to everybody else: tokens at an even pace, alone and beside as many logins as the server takes, by turns. */
import type { Plan } from './arguments.js';
import { quantile } from './figures.js';
import type { Slice } from './load.js';
import { startLoadGenerator } from './processes.js';
import type { Side } from './sides.js';

/** Connections that sign in again and again: more than hash at a time, fewer than may wait. */
const LOGIN_CONNECTIONS = 16;
/** With the connections of an operation eighty a second: no queue of its own makes the idle server look slow. */
const PACE_MS = 100;
const SLICE_MS = 2000;

type Latency = { p50_ms: number; p99_ms: number; operations: number; errors: number };
export type FloodFigures = {
  operation: string;
  database: string;
  idle: Latency;
  flooded: Latency;
  /** p99 under the flood over p99 without */
  ratio: number;
  logins_per_second: number;
  firstError?: string | undefined;
};

export async function measureFlood(side: Side, { operation, database }: { operation: string; database: string }, plan: Plan) {
  const logins = startLoadGenerator();
  try {
    await logins.prepare('login', side.kind, side.ports, LOGIN_CONNECTIONS);
    await side.load.prepare(operation, side.kind, side.ports);
    await side.load.run({ milliseconds: plan.warmUpSeconds * 1000 });
    await logins.run({ milliseconds: plan.warmUpSeconds * 1000 });
    const [idle, flooded, flood]: [Slice[], Slice[], Slice[]] = [[], [], []];
    const rounds = Math.max(2, Math.round((plan.durationSeconds * 1000) / SLICE_MS));
    for (let round = 0; round < rounds; round++) {
      await side.load.prepare(operation, side.kind, side.ports);
      idle.push(await side.load.run({ milliseconds: SLICE_MS, everyMs: PACE_MS }));
      // The flood is there before what is measured begins, and after it has ended.
      const running = logins.run({ milliseconds: SLICE_MS + 600 });
      await new Promise((resolve) => setTimeout(resolve, 300));
      flooded.push(await side.load.run({ milliseconds: SLICE_MS, everyMs: PACE_MS }));
      flood.push(await running);
    }
    return figuresOf({ operation, database }, { idle, flooded, flood });
  } finally {
    logins.stop();
  }
}

function figuresOf(
  named: { operation: string; database: string },
  { idle, flooded, flood }: { idle: Slice[]; flooded: Slice[]; flood: Slice[] },
): FloodFigures {
  const [quiet, busy] = [latencyOf(idle), latencyOf(flooded)];
  const signedIn = flood.reduce((sum, { operations, errors }) => sum + operations - errors, 0);
  return {
    ...named,
    idle: quiet,
    flooded: busy,
    ratio: round(busy.p99_ms / quiet.p99_ms),
    logins_per_second: round(signedIn / flood.reduce((sum, { seconds }) => sum + seconds, 0)),
    firstError: [...idle, ...flooded, ...flood].find(({ firstError }) => firstError)?.firstError,
  };
}

function latencyOf(slices: readonly Slice[]): Latency {
  const sorted = slices.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
  return {
    p50_ms: round(quantile(sorted, 0.5)),
    p99_ms: round(quantile(sorted, 0.99)),
    operations: sorted.length,
    errors: slices.reduce((sum, { errors }) => sum + errors, 0),
  };
}

const round = (value: number) => Number(value.toFixed(2));

export const floodLine = ({ operation, database, idle, flooded, ratio, logins_per_second }: FloodFigures): string =>
  `${operation} (${database}): p99 ${idle.p99_ms} ms alone, ${flooded.p99_ms} ms beside ${logins_per_second} logins/s, ${ratio} times (p50 ${idle.p50_ms}, ${flooded.p50_ms}; ${idle.operations} and ${flooded.operations} requests, ${idle.errors + flooded.errors} errors)`;
