import { ask } from './ask.js';
import { type Finding, failure, ok, warning } from './finding.js';

const HTTPS_PORT = '';

/**
 * What somebody meets who types the address without https: only where the issuer has the port that browsers take then. A page that is served in
 * clear is read, and changed, on the way.
 * @param options.port where plain http is, for tests
 */
export async function checkPlainHttp(issuerUrl: string, { port = 80 }: { port?: number } = {}): Promise<Finding[]> {
  const check = 'plain http';
  const issuer = new URL(issuerUrl);
  if (issuer.protocol !== 'https:' || issuer.port !== HTTPS_PORT) return [];
  const address = `http://${issuer.hostname}:${port}/account`;
  const mend = 'nginx, in a server that listens on port 80: return 301 https://$host$request_uri;';
  const { status, headers, told } = await ask(address, { headers: { accept: 'text/html' } });
  if (status === undefined) return [ok(check, `By plain http nobody answers (${told}).`)];
  if (status >= 300 && status < 400 && headers.location) {
    const next = new URL(headers.location, address);
    if (next.origin === issuer.origin) return [ok(check, 'Who comes by plain http is sent to https.')];
    return [failure(check, `Who comes by plain http is sent to ${next.origin}, not to ${issuer.origin}.`, mend)];
  }
  if (status < 300) return [failure(check, 'Pages are served by plain http, where everybody on the way can read and change them.', mend)];
  return [warning(check, `Who comes by plain http is not sent to https: port ${port} ${told}.`, mend)];
}
