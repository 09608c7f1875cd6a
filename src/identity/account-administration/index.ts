/**
 * Owns: who may do what to whose account, and the doing of it: the calls behind the API's user administration.
 * Does not own: the permissions and roles themselves (roles), what each change does (accounts, password-change), sessions.
 */
export { type AccountAction, type Actor, rights } from './rights.js';
export { type AccountAdministration, type AdministeredAccount, type AdministrationDeps, createAdministration } from './service.js';
export type { AccountUpdate } from './update.js';
