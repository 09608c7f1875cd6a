import { setFlagsFromString } from 'node:v8';

/**
 * Prisma's query compiler is WebAssembly. V8 would compile its functions a second time, optimized, as soon as they have run a little: 0.35 s of
 * processor time at each start and 70 MB that stay, for a compiler that runs once for each shape of a query. Has to be called before the first
 * query of the process.
 */
export function compileQueryCompilerOnce(): void {
  setFlagsFromString('--no-wasm-tier-up');
  setFlagsFromString('--no-wasm-dynamic-tiering');
}
