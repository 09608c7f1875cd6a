/**
 * Owns: messages that must reach somebody outside although that somebody, or this process, may be down: written in one transaction with what
 * causes them, delivered at least once, repeated with growing pauses, given up and kept for an operator to see.
 * Does not own: what a message says and how it is delivered; a topic's handler does that. Mails (platform/mail).
 */
import type { Sealer } from '../crypto/index.js';
import type { Database } from '../db/index.js';
import type { Logger } from '../log/index.js';
import { createOutboxRepository } from './repository.js';
import { createOutboxService, type Outbox } from './service.js';

export type { Delivery, GivenUp, Outbox, Waiting } from './service.js';

export function createOutbox({ db, sealer, log }: { db: Database; sealer: Sealer; log: Pick<Logger, 'warn' | 'error'> }): Outbox {
  return createOutboxService({ repository: createOutboxRepository({ db }), sealer, log });
}
