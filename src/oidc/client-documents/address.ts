import { isIP } from 'node:net';

const MAX_CHARS = 200;

/**
 * True for a client id that is the address of a client ID metadata document: https, a host that has a name, a path of its own. An address that could be
 * written otherwise is none, so that one client has one id, and what people are shown is what is fetched.
 */
export function isDocumentAddress(id: string): boolean {
  if (id.length > MAX_CHARS || !id.startsWith('https://') || !URL.canParse(id)) return false;
  const { href, hostname, pathname, username, password, port } = new URL(id);
  if (href !== id || id.includes('#') || username || password || port) return false;
  const isNamed = isIP(hostname.replace(/^\[(.*)\]$/, '$1')) === 0 && hostname.includes('.') && !hostname.endsWith('.');
  return isNamed && pathname !== '/' && !/%2e|%2f|%5c|\/\//i.test(pathname);
}
