/** Every member of the discovery documents, with a request that proves it and requests for what is not in it. */
import { endpointProofs } from './endpoints.js';
import { requestProofs } from './requests.js';
import type { Proofs } from './setting.js';
import { signatureProofs } from './signatures.js';

export { openSetting, type Proof } from './setting.js';

export const proofs: Proofs = { ...endpointProofs, ...requestProofs, ...signatureProofs };
