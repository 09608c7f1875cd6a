/**
 * Owns: random ids, hashes, and sealing (authenticated encryption of what is at rest). Does not own: passwords (identity/passwords),
 * JOSE (jose, oidc/signing-keys).
 */
export { drawBytes, drawText, hmacSha256, randomId, safeEqual, sha256 } from './hash.js';
export { createSealer, SealError, type Sealer } from './sealer.js';
export { countSealedUnder, hasSecrets, type KeyEncryptionKeys, openSecretStore, resealSecrets, type SecretStore } from './secret-store.js';
