/**
 * Owns: several processes on one machine: the supervisor that starts, watches, replaces and stops them, and a worker's side of it.
 * Does not own: what a worker does; agreement between processes, which is the database's (platform/changes).
 */
export { createAggregate } from './aggregate.js';
export { STOP_TIMEOUT_MS } from './protocol.js';
export { backoffMs, createSupervisor, type Supervisor, type SupervisorOptions } from './supervisor.js';
export { isFirst, isWorker, joinSupervisor, type WorkerSide, workerId } from './worker.js';
