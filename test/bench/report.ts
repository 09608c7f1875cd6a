import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type { Plan } from './arguments.js';
import type { Figures } from './figures.js';
import { operations } from './operations.js';
import { HASH } from './stage.js';

const versionOf = (name: string): string => {
  try {
    const file = createRequire(path.join(process.cwd(), 'package.json')).resolve(`${name}/package.json`);
    return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  } catch {
    return (JSON.parse(readFileSync(path.join(process.cwd(), 'node_modules', name, 'package.json'), 'utf8')) as { version: string })
      .version;
  }
};

/** The machine and whatever else the figures depend on. */
export function describeRun(plan: Plan): string {
  const cpus = os.cpus();
  return [
    `${cpus[0]?.model.trim() ?? 'unknown processor'}, ${os.availableParallelism()} cores, ${Math.round(os.totalmem() / 2 ** 30)} GiB, ${os.type()} ${os.release()}`,
    `Node ${process.versions.node}, oidc-provider ${versionOf('oidc-provider')}, Prisma ${versionOf('@prisma/client')}; RSA-2048, RS256; argon2id ${HASH.memoryKib} KiB, ${HASH.passes} passes, ${HASH.lanes} lane`,
    `${plan.durationSeconds} s for each operation and side in slices of ${plan.sliceSeconds} s by turns, after a warm-up of ${plan.warmUpOperations} operations (15 s at most); load over kept connections from a process of its own`,
    `load average at the start: ${os
      .loadavg()
      .map((value) => value.toFixed(1))
      .join(' ')}`,
  ].join('\n');
}

const ROW = ['operation', 'database', 'req/s', 'p50', 'p95', 'p99', 'CPU ms', 'yardstick', 'CPU ratio', 'of rounds', 'errors'];

/** One line for each operation and database. */
export function table(figures: readonly Figures[], yardstick = 'yardstick'): string {
  const lines = figures.map((each) => [
    each.operation,
    each.workers > 1 ? `${each.database} x${each.workers}` : each.database,
    each.ours.rps.toFixed(0),
    each.ours.p50_ms.toFixed(1),
    each.ours.p95_ms.toFixed(1),
    each.ours.p99_ms.toFixed(1),
    each.ours.cpu_ms.toFixed(3),
    `${each.yardstick.cpu_ms.toFixed(3)} (${each.yardstick.rps.toFixed(0)}/s)`,
    each.cpu_ratio.toFixed(2),
    `${each.cpu_ratio_spread[0].toFixed(2)} to ${each.cpu_ratio_spread[1].toFixed(2)}`,
    String(each.ours.errors + each.yardstick.errors),
  ]);
  const rows = [ROW.map((name) => (name === 'yardstick' ? yardstick : name)), ...lines];
  const widths = ROW.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join('  '),
    )
    .join('\n');
}

/** Installations of one process each, with databases of their own. */
export const apartOf = (database: string) => `${database} apart`;

/** How much more processor time an operation takes with more processes, and how much more it takes where they know nothing of each other. */
export function rises(figures: readonly Figures[]): string[] {
  const percent = (ratio: number) => `${ratio > 1 ? '-' : '+'}${Math.abs(Math.round(100 / ratio - 100))} %`;
  return figures.flatMap(({ operation, database, cpu_ratio: together }) => {
    const apart = figures.find((each) => each.operation === operation && each.database === apartOf(database))?.cpu_ratio;
    if (apart === undefined) return [];
    return [`${operation}: ${percent(together)}; as many apart ${percent(apart)}; for working together ${percent(together / apart)}`];
  });
}

/** What argon2 takes of a sign-in, and what is ours beside it. */
export function argon2Shares(figures: readonly Figures[]): string[] {
  return figures
    .filter(({ operation }) => operations.find(({ name }) => name === operation)?.yardstickIsArgon2)
    .map(
      ({ operation, database, ours, yardstick }) =>
        `${operation} (${database}): argon2 ${yardstick.cpu_ms.toFixed(1)} ms (${Math.round((100 * yardstick.cpu_ms) / ours.cpu_ms)} %), beside it ${(ours.cpu_ms - yardstick.cpu_ms).toFixed(2)} ms`,
    );
}
