/** Forgets what an account allowed applications, which outlives its sessions. Identity decides when; whoever remembers it does it. */
export interface ConsentForgetter {
  forgetAll(accountId: string): Promise<void>;
}
