/**
 * Owns: how often something may happen. Plain limits (so many points in a window) and locks that close after failures, both counted in the
 * database, so that they hold across processes and restarts.
 * Does not own: what is limited and what the caller is told; that is the caller's.
 */

export { createLockout, type FailureState, type Lockout, type LockoutRule } from './lockout.js';
export { networkOf } from './network.js';
export { createRateLimiter, type Limit, type LimitState, type RateLimiter } from './rate-limiter.js';
export { countClosedLocks } from './repository.js';
export { createStandings, type Standing, type Standings } from './standing.js';
