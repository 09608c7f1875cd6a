/**
 * Ends what an account holds elsewhere: browser sessions, grants, refresh tokens. Identity decides when; whoever keeps them does it.
 * Must not be called inside a transaction: it writes on a connection of its own.
 */
export interface SessionEnder {
  endAll(accountId: string, options?: { exceptSessionUid?: string | undefined }): Promise<void>;
}
