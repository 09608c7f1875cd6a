import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { MemoryFigures } from '../bench/memory.js';
import { runNode } from '../support/built.js';
import { roundsOf } from './installation.js';

const OPERATIONS = Math.min(100_000, 2000 * roundsOf(50));
/** A leak of 100 bytes at each operation would be 5 MB at the half of 100,000; what is left of a short run is caches that fill. */
const MOST_KEPT_MIB = 5;
/** With the settings of `npm start`, of which those that matter most are glibc's (DECISIONS.md, "What a process holds"). */
const MOST_RESIDENT_MB = 180;
const MB_OF_A_MIB = 1024 ** 2 / 1e6;

it(`keeps nothing of ${OPERATIONS} operations of all kinds, and holds at most ${MOST_RESIDENT_MB} MB while it does them`, async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-memory-'));
  const file = path.join(folder, 'figures.json');
  try {
    const script = path.resolve(import.meta.dirname, '../../scripts/bench.mjs');
    const { code, stderr } = await runNode([script, '--memory', '--operations', String(OPERATIONS), '--json', file]);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    const [{ readings, keptMib, errors }] = JSON.parse(readFileSync(file, 'utf8')) as [MemoryFigures];
    expect(errors).toBe(0);
    expect(readings.at(-1)?.operations).toBeGreaterThanOrEqual(OPERATIONS * 0.95);
    if (process.platform === 'linux')
      expect(Math.max(...readings.map(({ rssMib }) => rssMib * MB_OF_A_MIB))).toBeLessThanOrEqual(MOST_RESIDENT_MB);
    expect(keptMib).toBeLessThan(MOST_KEPT_MIB);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
