import type { Measured, Sample } from './measure.js';

export type SideFigures = { rps: number; cpu_ms: number; p50_ms: number; p95_ms: number; p99_ms: number; errors: number };

/** One line of the table. Ratios: ours per second over the yardstick's, and the yardstick's processor time over ours; above 1 is better. */
export type Figures = {
  operation: string;
  database: string;
  workers: number;
  ours: SideFigures;
  yardstick: SideFigures;
  ratio: number;
  cpu_ratio: number;
  /** the least and the greatest of the rounds */
  cpu_ratio_spread: [least: number, greatest: number];
  rounds: number;
};

const round = (value: number, digits = 3) => Number(value.toFixed(digits));
const sum = (samples: readonly Sample[], of: (sample: Sample) => number) => samples.reduce((total, sample) => total + of(sample), 0);
const cpuOf = ({ cpuMs, operations }: Sample) => cpuMs / Math.max(1, operations);

export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1 ? quantile(sorted, 0.5) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
};

/** What failed is no operation: it counts as an error, its processor time is everybody's. */
export function sideFigures({ samples, latenciesMs }: Measured): SideFigures {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  return {
    rps: round(
      (sum(samples, ({ operations }) => operations) - sum(samples, ({ errors }) => errors)) / sum(samples, ({ seconds }) => seconds),
      1,
    ),
    cpu_ms: round(median(samples.map(cpuOf))),
    p50_ms: round(quantile(sorted, 0.5), 2),
    p95_ms: round(quantile(sorted, 0.95), 2),
    p99_ms: round(quantile(sorted, 0.99), 2),
    errors: sum(samples, ({ errors }) => errors),
  };
}

export function compare(
  { operation, database, workers }: { operation: string; database: string; workers: number },
  ours: Measured,
  yardstick: Measured,
): Figures {
  // Round by round: what disturbed one turn has most likely disturbed its neighbour.
  const ratios = ours.samples.map((sample, index) => cpuOf(yardstick.samples[index] as Sample) / cpuOf(sample)).sort((a, b) => a - b);
  const [oursFigures, yardstickFigures] = [sideFigures(ours), sideFigures(yardstick)];
  return {
    ...{ operation, database, workers, ours: oursFigures, yardstick: yardstickFigures },
    ratio: round(oursFigures.rps / yardstickFigures.rps, 2),
    cpu_ratio: round(median(ratios), 2),
    cpu_ratio_spread: [round(ratios[0] ?? 0, 2), round(ratios.at(-1) ?? 0, 2)],
    rounds: ratios.length,
  };
}
