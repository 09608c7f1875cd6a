/** Addresses of pages that mails point to. The pages own the paths. Only mail links may carry a token. */
export type Links = {
  verifyEmail(token: string): string;
  resetPassword(token: string): string;
  confirmEmail(token: string): string;
  /** where a question of an application (CIBA) is answered */
  approve(token: string): string;
  login: string;
  forgot: string;
  account: string;
  sessions: string;
  apiKeys: string;
};

/** @param issuerUrl an origin without a path */
export const linksOf = (issuerUrl: string): Links => ({
  verifyEmail: (token) => `${issuerUrl}/register/verify?token=${encodeURIComponent(token)}`,
  confirmEmail: (token) => `${issuerUrl}/email/confirm?token=${encodeURIComponent(token)}`,
  resetPassword: (token) => `${issuerUrl}/reset?token=${encodeURIComponent(token)}`,
  approve: (token) => `${issuerUrl}/approve?token=${encodeURIComponent(token)}`,
  login: `${issuerUrl}/account`,
  forgot: `${issuerUrl}/forgot`,
  account: `${issuerUrl}/account`,
  sessions: `${issuerUrl}/account/sessions`,
  apiKeys: `${issuerUrl}/account/api-keys`,
});
