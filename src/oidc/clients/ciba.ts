import type { ErrorDetail } from '../../platform/errors.js';
import { CIBA } from './capabilities.js';
import type { ClientMetadata } from './metadata.js';

const ENDPOINT = 'backchannel_client_notification_endpoint';
const MEMBERS = [ENDPOINT, 'backchannel_token_delivery_mode', 'backchannel_authentication_request_signing_alg'] as const;

/** Rules between what a client says about asking people by itself (CIBA, section 4). */
export function findCibaFaults(metadata: ClientMetadata): ErrorDetail[] {
  const faults: ErrorDetail[] = [];
  const add = (path: string, message: string) => faults.push({ path, message });
  if (!metadata.grant_types.includes(CIBA)) {
    for (const member of MEMBERS) if (metadata[member] !== undefined) add(member, `is for clients with the grant ${CIBA}`);
    return faults;
  }
  if (metadata.token_endpoint_auth_method === 'none') add('grant_types', `${CIBA} is for clients that authenticate`);
  const pings = metadata.backchannel_token_delivery_mode === 'ping';
  if (pings && !metadata[ENDPOINT]) add(ENDPOINT, 'is needed with backchannel_token_delivery_mode ping');
  if (!pings && metadata[ENDPOINT]) add(ENDPOINT, 'is for backchannel_token_delivery_mode ping');
  return faults;
}
