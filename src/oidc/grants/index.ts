/**
 * Owns: what people and operators see of grants (which application may do what for whom, since when), taking it back, and the consent a
 * person gave that is remembered beyond one sign-in.
 * Does not own: storing grants for oidc-provider and ending them safely (oidc/adapter), asking for consent (pages/interaction).
 */
import type { Sealer } from '../../platform/crypto/index.js';
import type { Database } from '../../platform/db/index.js';
import { createPayloadCodec, createRevocation } from '../adapter/index.js';
import { createConsentRepository } from './consent-repository.js';
import { type Consents, createConsents as createConsentService } from './consents.js';
import { createGrantRepository } from './repository.js';
import { createGrantService, type Grants } from './service.js';

export { type ConsentRequest, type Consents, type GivenConsent, isCovered, type ScopesByResource } from './consents.js';
export type { ConnectedApplication, GrantSummary, Grants } from './service.js';

export function createGrants({ db, sealer }: { db: Database; sealer: Sealer }): Grants {
  return createGrantService({
    repository: createGrantRepository({ db, revocation: createRevocation({ db }) }),
    codec: createPayloadCodec(sealer),
  });
}

export function createConsents({ db }: { db: Database }): Consents {
  return createConsentService({ repository: createConsentRepository({ db }) });
}
