import { randomBytes } from 'node:crypto';
import argon2 from 'argon2';
import type { PasswordScheme } from './schemes.js';

/** argon2id's costs (RFC 9106): memory in KiB, passes over it, lanes. */
export type HashCost = { memoryKib: number; passes: number; lanes: number };

const SALT_BYTES = 16;
const HASH_BYTES = 32;
const VERSION = 0x13;
/** Costs past these are no password hash but a way to stop the server; an imported one is refused. */
const MAX_MEMORY_KIB = 4 * 1024 * 1024;
const MAX_PASSES = 100;
const MAX_LANES = 64;

/** What an imported hash may cost, memory times passes: a core takes most of a second for it. */
const MAX_IMPORTED_MEMORY_KIB = 256 * 1024;
const MAX_IMPORTED_WORK = 1024 * 1024;
const MAX_IMPORTED_LANES = 16;

/** Django writes `argon2` before the PHC string. */
const PHC =
  /^(?:argon2)?\$argon2(id|i|d)\$(?:v=(\d{1,3})\$)?m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,})\$([A-Za-z0-9+/]{16,})$/;

/** A hash that no password has, with the given cost: verifying it is the work of verifying a real one. */
export function buildDummyHash({ memoryKib, passes, lanes }: HashCost): string {
  const base64 = (bytes: number) => randomBytes(bytes).toString('base64').replaceAll('=', '');
  return `$argon2id$v=${VERSION}$m=${memoryKib},t=${passes},p=${lanes}$${base64(SALT_BYTES)}$${base64(HASH_BYTES)}`;
}

/** Hashes on a thread of libuv's pool. */
export function hashWithArgon2id(password: string, { memoryKib, passes, lanes }: HashCost): Promise<string> {
  return argon2.hash(password, {
    type: argon2.argon2id,
    version: VERSION,
    memoryCost: memoryKib,
    timeCost: passes,
    parallelism: lanes,
    hashLength: HASH_BYTES,
  });
}

/**
 * argon2id, argon2i and argon2d of either version. A hash whose costs are not today's is hashed anew at the next sign-in, cheaper ones and
 * dearer ones alike: an account whose hash takes another time than the dummy's could be told from one that does not exist.
 */
export function createArgon2Scheme(cost: HashCost): PasswordScheme {
  return {
    recognises: (hash) => {
      const [, , , memoryKib, passes, lanes] = PHC.exec(hash) ?? [];
      return memoryKib !== undefined && +memoryKib <= MAX_MEMORY_KIB && Number(passes) <= MAX_PASSES && Number(lanes) <= MAX_LANES;
    },
    verify: (hash, password) => argon2.verify(hash.slice(hash.indexOf('$')), password),
    needsRehash(hash) {
      const [, type, version, memoryKib, passes, lanes, , digest] = PHC.exec(hash) ?? [];
      return (
        type !== 'id' ||
        Number(version) !== VERSION ||
        Number(memoryKib) !== cost.memoryKib ||
        Number(passes) !== cost.passes ||
        Number(lanes) !== cost.lanes ||
        Buffer.from(digest ?? '', 'base64').length < HASH_BYTES
      );
    },
    inspect(hash) {
      const [, type, , memory, passes, lanes] = PHC.exec(hash) ?? [];
      if (type === undefined) return null;
      const memoryKib = Number(memory);
      return {
        description: `argon2${type}, ${memoryKib} KiB, ${passes} passes, ${lanes} lanes`,
        tooDear:
          memoryKib > MAX_IMPORTED_MEMORY_KIB || memoryKib * Number(passes) > MAX_IMPORTED_WORK || Number(lanes) > MAX_IMPORTED_LANES,
      };
    },
  };
}
