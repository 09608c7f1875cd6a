import type { Identity } from '../../identity/index.js';
import type { Sessions } from '../../oidc/sessions/index.js';
import type { Audit } from '../../platform/audit/index.js';

export type UsersDeps = {
  identity: Pick<Identity, 'administration'>;
  sessions: Pick<Sessions, 'list' | 'end'>;
  audit: Pick<Audit, 'record'>;
};
