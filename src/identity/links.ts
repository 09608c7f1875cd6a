/** Addresses of pages that mails point to. The pages own the paths; `services.ts` hands these in. Only mail links may carry a token. */
export type Links = {
  verifyEmail(token: string): string;
  resetPassword(token: string): string;
  confirmEmail(token: string): string;
  login: string;
  forgot: string;
  account: string;
  sessions: string;
  apiKeys: string;
};
