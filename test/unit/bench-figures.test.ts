import { describe, expect, test } from 'vitest';
import { readArguments } from '../bench/arguments.js';
import { compare, median, quantile, sideFigures } from '../bench/figures.js';
import type { Measured } from '../bench/measure.js';
import { apartOf, rises } from '../bench/report.js';

const measured = (side: string, samples: [operations: number, errors: number, cpuMs: number][]): Measured => ({
  side,
  samples: samples.map(([operations, errors, cpuMs]) => ({ operations, errors, seconds: 1, cpuMs })),
  latenciesMs: [4, 1, 3, 2],
  firstError: undefined,
});

describe('what the measurements say', () => {
  test('an operation that failed counts as an error, not as done', () => {
    expect(sideFigures(measured('ours', [[100, 20, 50]]))).toMatchObject({ rps: 80, errors: 20, cpu_ms: 0.5 });
  });

  test('a ratio is made of neighbouring turns, so a machine that got slower meanwhile changes nothing', () => {
    const ours = measured('ours', [
      [100, 0, 100],
      [100, 0, 300],
      [100, 0, 200],
    ]);
    const yardstick = measured('yardstick', [
      [100, 0, 50],
      [100, 0, 150],
      [100, 0, 80],
    ]);
    const figures = compare({ operation: 'refresh', database: 'sqlite', workers: 1 }, ours, yardstick);
    expect(figures).toMatchObject({ cpu_ratio: 0.5, cpu_ratio_spread: [0.4, 0.5], ratio: 1, rounds: 3 });
  });

  test('what more processes take is told beside what separate installations take', () => {
    const of = (database: string, more: number, one: number) =>
      compare({ operation: 'userinfo', database, workers: 2 }, measured('more', [[100, 0, more]]), measured('one', [[100, 0, one]]));
    expect(rises([of('postgresql', 24, 20), of(apartOf('postgresql'), 12, 10)])).toEqual([
      'userinfo: +20 %; as many apart +20 %; for working together +0 %',
    ]);
    expect(rises([of('postgresql', 22, 20), of(apartOf('postgresql'), 9, 10)])).toEqual([
      'userinfo: +10 %; as many apart -10 %; for working together +22 %',
    ]);
  });

  test('quantiles are those of what was measured', () => {
    expect(quantile([1, 2, 3, 4], 0.5)).toBe(3);
    expect(quantile([1, 2, 3, 4], 0.99)).toBe(4);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  test('an operation that does not exist, or workers over SQLite, are refused', () => {
    expect(() => readArguments(['--operation', 'teleport'])).toThrow(/there are discovery/);
    expect(() => readArguments(['--workers', '2', '--database', 'sqlite'])).toThrow(/postgresql/);
    expect(() => readArguments(['--workers', '1,2', '--database', 'sqlite'])).toThrow(/postgresql/);
    expect(readArguments(['--workers', '1,2'])).toMatchObject({ workers: 2, workersAgainst: 1, databases: ['postgresql'] });
    expect(readArguments(['--workers', '2'])).toMatchObject({ workers: 2, workersAgainst: undefined });
    expect(readArguments(['--operation', 'refresh', '--duration', '3'])).toMatchObject({ operations: ['refresh'], durationSeconds: 3 });
  });
});
