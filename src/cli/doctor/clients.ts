import { lookup } from 'node:dns/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from './ask.js';
import { type Finding, failure, ok, warning } from './finding.js';

/** What of a client is looked at. */
export type ExaminedClient = {
  id: string;
  source: string;
  profile: string;
  tokenEndpointAuthMethod: string;
  redirectUris: readonly string[];
  applicationType: string;
};

/** Whether a host name leads anywhere: 'no' only where the name servers say that there is none. */
export type Resolve = (hostname: string) => Promise<'yes' | 'no' | 'unknown'>;

const MAX_NAMES = 50;
const MAX_ORIGINS = 20;
const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

export const resolveName: Resolve = async (hostname) => {
  const asked = lookup(hostname).then(
    () => 'yes' as const,
    ({ code }: NodeJS.ErrnoException) => (code === 'ENOTFOUND' ? ('no' as const) : ('unknown' as const)),
  );
  return Promise.race([asked, delay(2000, 'unknown' as const, { ref: false })]);
};

const isWeb = (uri: string) => /^https?:\/\//.test(uri) && URL.canParse(uri);

/** Redirect URIs that lead where codes should not go, or nowhere. */
export async function checkRedirectUris(
  clients: readonly ExaminedClient[],
  { production, resolve = resolveName }: { production: boolean; resolve?: Resolve },
): Promise<Finding[]> {
  const check = 'redirect URIs';
  const findings: Finding[] = [];
  const hosts = new Map<string, string>();
  for (const { id, redirectUris, applicationType, source } of clients) {
    if (source === 'built_in') continue;
    const mend = `latchkey client update ${id} --redirect-uri ...`;
    for (const uri of redirectUris.filter(isWeb)) {
      const { protocol, hostname } = new URL(uri);
      const loopback = LOOPBACK.test(hostname);
      const shown = `${protocol}//${hostname}`;
      if (uri.includes('*')) findings.push(failure(check, `${id}: ${shown} has a wildcard, which never matches.`, mend));
      else if (protocol === 'http:' && !loopback)
        findings.push(failure(check, `${id}: ${shown} gets its codes by plain http, for everybody on the way.`, mend));
      else if (loopback && applicationType !== 'native' && production)
        findings.push(
          warning(check, `${id}: ${shown} is whoever's program on the visitor's machine, and the client is no native one.`, mend),
        );
      else if (!loopback) hosts.set(hostname, id);
    }
  }
  const names = [...hosts].slice(0, MAX_NAMES);
  const answers = await Promise.all(names.map(([hostname]) => resolve(hostname)));
  names.forEach(([hostname, id], index) => {
    if (answers[index] === 'no')
      findings.push(
        warning(check, `${id}: there is no ${hostname}; whoever registers that name gets its codes.`, 'Take it away, or make the name.'),
      );
  });
  const count = clients.reduce((sum, { redirectUris }) => sum + redirectUris.length, 0);
  return findings.length > 0 ? findings : [ok(check, `${count} of ${clients.length} clients, none of them a risk.`)];
}

/** Whether pages of single-page applications may ask for their tokens: what their browsers ask first, and how the answer arrives. */
export async function checkCors(clients: readonly ExaminedClient[], issuerUrl: string): Promise<Finding[]> {
  const check = 'cors';
  const spas = clients.filter(
    ({ profile, tokenEndpointAuthMethod, applicationType, source }) =>
      source !== 'built_in' && applicationType !== 'native' && (profile === 'spa' || tokenEndpointAuthMethod === 'none'),
  );
  const origins = new Map(
    spas.flatMap(({ id, redirectUris }) => redirectUris.filter(isWeb).map((uri) => [new URL(uri).origin, id] as const)),
  );
  if (origins.size === 0) return [ok(check, 'There is no single-page application.')];
  const findings = await Promise.all(
    [...origins].slice(0, MAX_ORIGINS).map(async ([origin, id]) => {
      const {
        status = 0,
        headers,
        told,
      } = await ask(`${issuerUrl}/token`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'dpop' },
      });
      const allowed = headers['access-control-allow-origin'];
      const mend = 'Let OPTIONS and the Access-Control headers of the server pass, and add none in the proxy.';
      if (status >= 300 || status === 0) return [failure(check, `${id}: the preflight of ${origin} ${told}.`, mend)];
      if (allowed !== origin && allowed !== '*')
        return [
          failure(
            check,
            `${id}: a page of ${origin} may not ask for tokens (Access-Control-Allow-Origin: ${String(allowed ?? 'none').slice(0, 100)}).`,
            mend,
          ),
        ];
      return [];
    }),
  );
  const faults = findings.flat();
  return faults.length > 0
    ? faults
    : [ok(check, `Pages of ${origins.size} ${origins.size === 1 ? 'origin' : 'origins'} may ask for their tokens.`)];
}
