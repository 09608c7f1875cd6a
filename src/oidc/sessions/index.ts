/**
 * Owns: what people and operators see of browser sessions, and ending them with what they gave.
 * Does not own: storing sessions for oidc-provider (oidc/adapter), the sign-out page (pages), telling applications (back-channel logout).
 */
import type { Sealer } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { createPayloadCodec, createRevocation } from '../adapter/index.js';
import { createSessionRepository } from './repository.js';
import { createSessionService, type Sessions } from './service.js';

export type { SessionSummary, Sessions } from './service.js';

export function createSessions({ db, sealer }: { db: Database; sealer: Sealer }): Sessions {
  return createSessionService({
    repository: createSessionRepository({ db, revocation: createRevocation({ db }) }),
    codec: createPayloadCodec(sealer),
  });
}
