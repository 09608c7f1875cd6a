/** What a redirect URI must be, told before oidc-provider compares requests with it, exactly (RFC 9700, section 2.1; RFC 8252). */

const MAX_URI_CHARS = 2048;
/** The loopback hosts whose port may vary for native applications; the library's own list. */
const LOOPBACK_HOSTS = new Set(['localhost', '127.0.0.1', '[::1]']);
/** Schemes by which a browser would run, read or reveal something instead of handing over to an application. */
const DANGEROUS_SCHEMES =
  /^(javascript|vbscript|data|blob|file|filesystem|about|view-source|ws|wss|ftp|mailto|tel|sms|intent|content|chrome|resource|jar):$/;

/** A host that only this machine answers for; the names under .localhost too (RFC 6761, section 6.3). */
const isLoopback = (hostname: string): boolean => LOOPBACK_HOSTS.has(hostname) || hostname.endsWith('.localhost');

/** What is wrong with a URI that an application is found by, or null. No text of it is repeated: it may carry a password. */
export function findUriFault(uri: string): string | null {
  if (uri.length > MAX_URI_CHARS) return `must not be longer than ${MAX_URI_CHARS} characters`;
  if (!/^[\x21-\x7e]+$/.test(uri)) return 'must be ASCII without spaces; international names in their encoded form';
  if (/["<>\\^`{|}]/.test(uri)) return 'must not contain quotes, angle brackets, backslashes or braces';
  if (!URL.canParse(uri)) return 'must be an absolute URI';
  const { protocol, username, password } = new URL(uri);
  if (DANGEROUS_SCHEMES.test(protocol)) return `must not use the scheme ${protocol}`;
  // Of "https:/host" or "https:host" a parser makes a host, and a person reads something else.
  if (/^https?:/i.test(uri) && !/^https?:\/\/[^/?#@]/i.test(uri)) return 'must have a host after ://, and no user name or password';
  if (username || password) return 'must not carry a user name or password';
  return null;
}

/** What is wrong with a redirect URI (also one for after the sign-out), or null. */
export function findRedirectUriFault(
  uri: string,
  { applicationType, anyScheme }: { applicationType: string; anyScheme: boolean },
): string | null {
  const fault = findUriFault(uri);
  if (fault) return fault;
  if (uri.includes('#')) return 'must not have a fragment (RFC 6749, section 3.1.2)';
  if (uri.includes('*')) return 'must not contain a wildcard: redirect URIs are compared exactly, so list each of them';
  const { protocol, hostname } = new URL(uri);
  if (protocol === 'https:') {
    if (applicationType !== 'native' || !LOOPBACK_HOSTS.has(hostname)) return null;
    return 'of a native application on this machine must use http (RFC 8252, section 7.3)';
  }
  if (protocol === 'http:') {
    const allowed = applicationType === 'native' ? LOOPBACK_HOSTS.has(hostname) : isLoopback(hostname);
    return allowed ? null : 'must use https; plain http is for this machine only (localhost, 127.0.0.1, [::1])';
  }
  if (applicationType !== 'native') return 'must use https; a scheme of its own is for application_type native';
  // RFC 8252, section 8.4: a name in reverse order that the application's maker owns, so that it is nobody else's by chance.
  if (!anyScheme && !protocol.includes('.')) return 'must use a scheme made of a domain name in reverse, such as com.example.app:/callback';
  return null;
}

/** What is wrong with a URI that people follow or that a browser loads, or null. */
export function findWebUriFault(uri: string, { httpsOnly }: { httpsOnly: boolean }): string | null {
  const fault = findUriFault(uri);
  if (fault) return fault;
  const { protocol, hostname } = new URL(uri);
  if (protocol === 'https:' || (protocol === 'http:' && (!httpsOnly || isLoopback(hostname)))) return null;
  return httpsOnly ? 'must use https (http for this machine only)' : 'must be an http or https address';
}

/** What is wrong with the origin of a page, as browsers write it in `Origin`, or null. */
export function findOriginFault(origin: string): string | null {
  const fault = findWebUriFault(origin, { httpsOnly: true });
  if (fault) return fault;
  return new URL(origin).origin === origin && !origin.includes('*')
    ? null
    : 'must be an origin as browsers send it, without a path: https://app.example.com';
}
