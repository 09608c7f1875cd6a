import { type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

/** What one verification may hold of memory; the recommendation of OWASP (N = 2^17, r = 8) takes half of it. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
/** N * r * p; this much takes a core about a second. */
const MAX_WORK = 2 ** 22;

/** What scrypt costs (RFC 7914, section 2); N is 2^logN. */
export type ScryptCosts = { logN: number; r: number; p: number };

const memoryBytes = ({ logN, r, p }: ScryptCosts) => 128 * r * (2 ** logN + p);
/** Whether a verification would take more memory or time than one may. */
export const isTooDear = (costs: ScryptCosts) => memoryBytes(costs) > MAX_MEMORY_BYTES || 2 ** costs.logN * costs.r * costs.p > MAX_WORK;
export const describeCosts = ({ logN, r, p }: ScryptCosts) => `N=2^${logN}, r=${r}, p=${p}`;

/** Costs from their decimal texts; null where they are none. */
export function readCosts(logN: string | undefined, r: string | undefined, p: string | undefined): ScryptCosts | null {
  const costs = { logN: Number(logN), r: Number(r), p: Number(p) };
  return costs.logN >= 1 && costs.logN <= 63 && costs.r >= 1 && costs.p >= 1 ? costs : null;
}

/** On a thread of libuv's pool. */
export function deriveKey(password: string, salt: Buffer, bytes: number, costs: ScryptCosts): Promise<Buffer> {
  const { logN, r, p } = costs;
  return derive(password, salt, bytes, { N: 2 ** logN, r, p, maxmem: memoryBytes(costs) + 1024 * 1024 });
}
