/**
 * Owns: another e-mail address for an account: asked for with the password, confirmed from the new mailbox, told to the old one.
 * Does not own: the first address (registration), what an address may be (accounts).
 */
export { createEmailChangeService as createEmailChange, type EmailChange } from './service.js';
