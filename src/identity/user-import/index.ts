/**
 * Owns: taking accounts over from another system: what a row may say, which rows are refused and why, and that an import can be repeated.
 * Does not own: files, formats and progress bars (cli), which hashes can be verified (passwords), what an account is (accounts).
 */
export { IMPORT_MEMBERS, type ImportedRow } from './row.js';
export {
  createUserImport,
  type ImportLine,
  type ImportOptions,
  type ImportSummary,
  type RejectedLine,
  type UserImport,
} from './service.js';
