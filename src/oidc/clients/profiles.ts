import type { ErrorDetail } from '../../platform/errors.js';
import { CIBA, type ClientProfile, DEVICE_CODE } from './capabilities.js';
import { FAPI2 } from './fapi2.js';
import type { ClientMetadata } from './metadata.js';

export type Profile = {
  /** What a member is where it is not given. */
  defaults: Pick<ClientMetadata, 'application_type' | 'token_endpoint_auth_method' | 'grant_types'> & Partial<ClientMetadata>;
  /** The same, where it depends on what is given and on what the server signs with. */
  defaultsFor?: (given: Partial<ClientMetadata>, signingAlgs: readonly string[]) => Partial<ClientMetadata>;
  /** What may not be otherwise, and why. */
  requires: { member: string & keyof ClientMetadata; holds: (metadata: ClientMetadata) => boolean; message: string }[];
};

const isPublic: Profile['requires'][number] = {
  member: 'token_endpoint_auth_method',
  holds: (metadata) => metadata.token_endpoint_auth_method === 'none',
  message: 'must be none: an application in the hands of its users cannot keep a secret',
};
const isConfidential: Profile['requires'][number] = {
  member: 'token_endpoint_auth_method',
  holds: (metadata) => metadata.token_endpoint_auth_method !== 'none',
  message: 'must not be none: a client of this profile authenticates',
};
const usesPkce: Profile['requires'][number] = {
  member: 'require_pkce',
  holds: (metadata) => metadata.require_pkce,
  message: 'must not be false: this profile always uses PKCE',
};

const CODE_AND_REFRESH = ['authorization_code', 'refresh_token'];

/** What each profile means. `default` adds nothing to RFC 7591, section 2. */
export const PROFILES: Record<ClientProfile, Profile> = {
  default: {
    defaults: { application_type: 'web', token_endpoint_auth_method: 'client_secret_basic', grant_types: ['authorization_code'] },
    requires: [],
  },
  /** An application in the browser (OAuth 2.0 for Browser-Based Applications). */
  spa: {
    defaults: { application_type: 'web', token_endpoint_auth_method: 'none', grant_types: CODE_AND_REFRESH },
    requires: [isPublic, usesPkce],
  },
  /** An installed application (RFC 8252): loopback or a scheme of its own, the loopback port free. */
  native: {
    defaults: { application_type: 'native', token_endpoint_auth_method: 'none', grant_types: CODE_AND_REFRESH },
    requires: [
      isPublic,
      usesPkce,
      {
        member: 'application_type',
        holds: (metadata) => metadata.application_type === 'native',
        message: 'must be native for this profile',
      },
    ],
  },
  /** A program that acts for itself. */
  service: {
    defaults: { application_type: 'web', token_endpoint_auth_method: 'client_secret_basic', grant_types: ['client_credentials'] },
    requires: [
      isConfidential,
      {
        member: 'grant_types',
        holds: (metadata) => !metadata.grant_types.includes('authorization_code'),
        message: 'must not include authorization_code: nobody signs in to a service',
      },
      ...[DEVICE_CODE, CIBA].map((grant) => ({
        member: 'grant_types' as const,
        holds: (metadata: ClientMetadata) => !metadata.grant_types.includes(grant),
        message: `must not include ${grant}: nobody signs in to a service`,
      })),
      {
        member: 'redirect_uris',
        holds: (metadata) => metadata.redirect_uris.length === 0,
        message: 'must be empty: nobody is sent back to a service',
      },
    ],
  },
  /** A Model Context Protocol client: public, mostly native, with schemes of its maker's choice. */
  mcp: {
    defaults: { application_type: 'native', token_endpoint_auth_method: 'none', grant_types: CODE_AND_REFRESH },
    requires: [usesPkce],
  },
  fapi2: FAPI2,
};

/** What a profile does not allow of a client. */
export function findProfileFaults(metadata: ClientMetadata): ErrorDetail[] {
  const { requires } = PROFILES[metadata.profile];
  return requires
    .filter(({ holds }) => !holds(metadata))
    .map(({ member, message }) => ({ path: member, message: `${message} (profile ${metadata.profile})` }));
}
