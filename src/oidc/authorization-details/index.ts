/**
 * Owns: rich authorization requests (RFC 9396): which details an application may ask for, what of them stands in tokens, and the words in which a person
 * is asked. Does not own: what kinds there are and what their members mean (resources, declared by the operator), the parameter itself (oidc-provider).
 */
export { type AuthorizationDetails, createAuthorizationDetails, type DescribedDetail } from './feature.js';
