import type { Identity } from '../../identity/index.js';
import type { FirstParty } from '../../oidc/first-party/index.js';
import type { Sessions } from '../../oidc/sessions/index.js';
import type { Audit } from '../../platform/audit/index.js';

export type AuthDeps = {
  identity: Pick<Identity, 'accounts' | 'login' | 'registration' | 'passwordChange' | 'recovery' | 'emailChange' | 'apiKeys'>;
  firstParty: Pick<FirstParty, 'signIn' | 'refresh'>;
  sessions: Pick<Sessions, 'list' | 'end' | 'endAll'>;
  audit: Pick<Audit, 'record'>;
  /** whether people may create accounts themselves */
  registrationOpen: boolean;
  /** whether a sign-in here needs a confirmed address */
  requireVerifiedEmail: boolean;
};
