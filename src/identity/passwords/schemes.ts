/** A way of hashing that stored hashes may have: argon2, and those of other systems (bcrypt, PBKDF2, scrypt). */
export type PasswordScheme = {
  /** Is this a hash of the scheme, with costs that can be borne? */
  recognises(hash: string): boolean;
  /** Must not block the event loop. May throw for a hash that looks right and is not. */
  verify(hash: string, password: string): Promise<boolean>;
  /** Whether the hash is to be made anew when the password is known. */
  needsRehash(hash: string): boolean;
  /** What an operator who imports the hash is told; null for what is no hash of the scheme. */
  inspect(hash: string): InspectedHash | null;
};

/**
 * `description`: scheme and costs, never salt or digest (`bcrypt, cost 12`). `tooDear`: one verification would take a core longer than about a
 * second, so the hash is a way to stop the server rather than a password's.
 */
export type InspectedHash = { description: string; tooDear: boolean };
