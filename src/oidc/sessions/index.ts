/**
 * Owns: what people and operators see of browser sessions, and ending them with what they gave.
 * Does not own: storing sessions for oidc-provider (oidc/adapter), the sign-out page (pages), telling applications (logout-notices).
 */
import type { Sealer } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { createPayloadCodec, createRevocation } from '../adapter/index.js';
import { createSessionRepository } from './repository.js';
import { createSessionService, type EndNotices, type Sessions } from './service.js';

export type { EndNotices, SessionSummary, Sessions } from './service.js';
export { MAX_API_SIGN_INS } from './service.js';

/** @param deps.notices tells the applications whose sign-ins end */
export function createSessions({ db, sealer, notices }: { db: Database; sealer: Sealer; notices: EndNotices }): Sessions {
  return createSessionService({
    repository: createSessionRepository({ db, revocation: createRevocation({ db }) }),
    codec: createPayloadCodec(sealer),
    notices,
  });
}
