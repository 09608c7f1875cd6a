import type { ErrorDetail } from '../../platform/errors.js';
import { findEncryptionKeyFault } from './keys.js';
import type { ClientMetadata } from './metadata.js';

const RESPONSES = ['id_token', 'userinfo', 'introspection', 'authorization'] as const;

/** Rules for answers that are encrypted to a client: an algorithm, what it is signed with, and a key (OpenID Connect Registration, section 2). */
export function findEncryptionFaults(metadata: ClientMetadata): ErrorDetail[] {
  return RESPONSES.flatMap((response) => {
    const [algMember, encMember] = [`${response}_encrypted_response_alg`, `${response}_encrypted_response_enc`] as const;
    const alg = metadata[algMember];
    if (!alg) return metadata[encMember] ? [{ path: encMember, message: `needs ${algMember}` }] : [];
    const faults: ErrorDetail[] = [];
    if (response === 'userinfo' && !metadata.userinfo_signed_response_alg) {
      faults.push({ path: 'userinfo_signed_response_alg', message: `is needed with ${algMember}: what is encrypted is signed first` });
    }
    const fault = findEncryptionKeyFault(alg, metadata);
    if (fault) faults.push({ path: 'jwks', message: `${fault} (${algMember})` });
    return faults;
  });
}
