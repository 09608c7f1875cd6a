import type { MetricsSnapshot } from '../metrics/index.js';

/** What the supervisor says to a worker. */
export type ToWorker =
  | { type: 'ping' }
  /** take no more connections, finish, and end: another one has taken its place */
  | { type: 'retire' }
  | { type: 'metrics'; request: number };

/** What a worker says to its supervisor. */
export type ToSupervisor =
  | { type: 'pong' }
  | { type: 'ready' }
  | { type: 'metrics'; request: number; metrics: MetricsSnapshot }
  /** its last numbers, before it ends */
  | { type: 'last_metrics'; metrics: MetricsSnapshot };

/** The argument by which a worker knows that it is the first, which does what is done once for an installation. */
export const FIRST = '--first-worker';

/** A process that was told to stop is gone after this long in any case, SHUTDOWN_DELAY_SECONDS apart. */
export const STOP_TIMEOUT_MS = 9_000;
