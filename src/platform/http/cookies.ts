/** How the cookies are called. On https the browser itself enforces what the prefixes promise; plain http has no prefixes. */
export type CookieNames = {
  secure: boolean;
  /** A cookie for the whole origin. */
  host(name: string): string;
  /** A cookie that carries a path of its own, which __Host- forbids. */
  path(name: string): string;
};

/** @param issuerUrl whose scheme decides (RFC 6265bis, section 4.1.3) */
export function cookieNames(issuerUrl: string): CookieNames {
  const secure = issuerUrl.startsWith('https:');
  return {
    secure,
    host: (name) => (secure ? `__Host-${name}` : name),
    path: (name) => (secure ? `__Secure-${name}` : name),
  };
}
