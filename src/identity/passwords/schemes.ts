/** A way of hashing that stored hashes may have. Imported ones (bcrypt, PBKDF2, scrypt) are added as further schemes. */
export type PasswordScheme = {
  /** Is this a hash of the scheme, with costs that can be borne? */
  recognises(hash: string): boolean;
  /** Must not block the event loop. */
  verify(hash: string, password: string): Promise<boolean>;
  needsRehash(hash: string): boolean;
};
