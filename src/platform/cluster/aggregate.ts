import { AggregatorRegistry } from 'prom-client';
import type { MetricsSnapshot } from '../metrics/index.js';

export type Aggregate = {
  /** Keeps the counts of a worker that has ended, so that no total ever goes down. */
  keep(last: MetricsSnapshot): void;
  /** One text of the workers' numbers together; each metric says by itself how (sum, maximum, average). */
  render(snapshots: readonly MetricsSnapshot[]): Promise<string>;
};

const isCount = ({ type }: { type: string | number }) => type === 'counter' || type === 'histogram';
const together = (snapshots: readonly MetricsSnapshot[]) => AggregatorRegistry.aggregate(snapshots as object[]);

export function createAggregate(): Aggregate {
  let ended: Promise<MetricsSnapshot> = Promise.resolve([]);
  return {
    keep(last) {
      ended = ended.then(
        async (before) => (await together([before, last.filter(isCount)]).getMetricsAsJSON()) as unknown as MetricsSnapshot,
      );
    },
    render: async (snapshots) => together([await ended, ...snapshots]).metrics(),
  };
}
