import type { KeyObject } from 'node:crypto';
import type { Config } from '../../config/index.js';
import { now } from '../../platform/clock.js';
import { type Answer, ask, readObject } from './ask.js';
import { checkCookies } from './cookies.js';
import { type Finding, failure, ok, skipped, warning } from './finding.js';
import { checkPlainHttp } from './plain-http.js';
import { checkProxy } from './proxy.js';

/** What the rest of the examination found out that an answer from outside has to agree with. */
export type Known = { pepper: KeyObject; activeKids: readonly string[] } | undefined;

const SKEW_WARNING_MS = 5000;
const SKEW_FAILURE_MS = 60_000;
const CERTIFICATE_CODES = /\((ERR_TLS_\w+|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+)\)/;

/** Asks the issuer as an application would: is somebody there, is it us, does what it says hold, and does a browser keep what it is given? */
export async function checkIssuer(config: Config, known: Known): Promise<Finding[]> {
  const { issuerUrl } = config;
  const alive = await ask(`${issuerUrl}/livez`);
  if (alive.status !== 200) {
    const rest = ['server', 'discovery', 'jwks', 'cookies'].map((check) => skipped(check, 'The issuer is not reached.'));
    return [failure('issuer', `${issuerUrl}/livez ${alive.told}.`, mendUnreached(alive)), ...rest];
  }
  const { findings, seen } = known ? await checkProxy(config, known.pepper) : { findings: [], seen: undefined };
  const clock = judgeClock(seen ? seen.time : Date.parse(alive.headers.date ?? ''));
  const discovery = await ask(`${issuerUrl}/.well-known/openid-configuration`);
  const metadata = readObject(discovery.body);
  return [
    ok('issuer', `${issuerUrl} is reached.`),
    ...findings,
    ...clock,
    judgeDiscovery(issuerUrl, discovery, metadata),
    await checkHost(issuerUrl),
    await checkJwks(config, metadata, known),
    ...(await checkCookies(issuerUrl)),
    ...(await checkPlainHttp(issuerUrl)),
  ];
}

function mendUnreached({ told }: Answer): string {
  if (CERTIFICATE_CODES.test(told)) {
    return 'Its certificate is not trusted, or for another name: send the whole chain (ssl_certificate: fullchain.pem). Of an authority of your own, set NODE_EXTRA_CA_CERTS.';
  }
  return 'Start the server (npm start). If it runs, check ISSUER_URL and, behind a proxy, that the proxy passes requests on and TRUST_PROXY names it.';
}

function judgeClock(theirs: number): Finding[] {
  const skewMs = Math.abs(theirs - now());
  if (Number.isNaN(skewMs)) return [];
  const seconds = Math.round(skewMs / 1000);
  const mend = 'Keep the clocks of all machines by NTP.';
  if (skewMs > SKEW_FAILURE_MS)
    return [
      failure(
        'clock',
        `The clock of the server and that of this machine differ by ${seconds} s: tokens are not good yet, or not any more.`,
        mend,
      ),
    ];
  if (skewMs > SKEW_WARNING_MS) return [warning('clock', `The clock of the server and that of this machine differ by ${seconds} s.`, mend)];
  return [ok('clock', 'The server has the time of this machine.')];
}

function judgeDiscovery(issuerUrl: string, { status, told }: Answer, metadata: Record<string, unknown>): Finding {
  const check = 'discovery';
  if (status !== 200) {
    const mend = 'See what "proxy" says above, and the log of the server.';
    return failure(check, `The discovery document ${told}.`, mend);
  }
  const { issuer } = metadata;
  if (issuer !== issuerUrl) {
    return failure(
      check,
      `${issuerUrl} names the issuer ${issuer === undefined ? 'nowhere' : JSON.stringify(issuer).slice(0, 200)}.`,
      'Give the server and this command the same ISSUER_URL; another server may be listening there.',
    );
  }
  const foreign = Object.entries(metadata).filter(
    ([name, url]) => /_(endpoint|uri)$/.test(name) && !String(url).startsWith(`${issuerUrl}/`),
  );
  if (foreign.length > 0) {
    const named = foreign.map(([name]) => name).join(', ');
    return failure(
      check,
      `Not at the issuer's own address: ${named}.`,
      'Does a proxy rewrite what the server answers (sub_filter)? It must not.',
    );
  }
  return ok(check, 'The issuer it names is the one that is set, and every endpoint is there.');
}

/** A name of somebody else's must not come back in links (RFC 9700, section 4.10). */
async function checkHost(issuerUrl: string): Promise<Finding> {
  const forged = 'doctor.invalid';
  const { status, body, headers } = await ask(`${issuerUrl}/.well-known/openid-configuration`, { headers: { host: forged } });
  const told = `${body} ${headers.location ?? ''}`;
  if (status !== undefined && status < 400 && told.includes(forged)) {
    return failure(
      'host',
      'Whoever asks under another name is answered with that name.',
      'Give the proxy a server of its own for other names: return 444;',
    );
  }
  return ok('host', 'Who asks under another name gets nothing with that name in it.');
}

async function checkJwks({ issuerUrl, jwksMaxAgeSeconds }: Config, metadata: Record<string, unknown>, known: Known): Promise<Finding> {
  const check = 'jwks';
  const address = metadata.jwks_uri;
  if (typeof address !== 'string' || !address.startsWith(`${issuerUrl}/`)) return skipped(check, 'The discovery document names none here.');
  const { status, headers, body, told } = await ask(address);
  if (status !== 200)
    return failure(check, `The JWKS ${told}.`, 'Services cannot verify tokens. See the log of the server and of the proxy.');
  const keys = readObject(body).keys;
  const kids = new Set(Array.isArray(keys) ? keys.map((key: { kid?: unknown }) => key.kid) : []);
  const missing = (known?.activeKids ?? []).filter((kid) => !kids.has(kid));
  if (missing.length > 0) {
    const mend = 'Is a cache of the proxy in between (proxy_cache)? Otherwise the server has not heard of the newest keys: restart it.';
    return failure(check, `The active key ${missing[0]} is not published.`, mend);
  }
  const cacheControl = headers['cache-control'] ?? '';
  const maxAge = Number(/(?:^|[\s,])max-age=(\d+)/.exec(cacheControl)?.[1]);
  if (!(maxAge <= jwksMaxAgeSeconds) || headers.expires !== undefined) {
    const mend = `Let Cache-Control of the server pass (no "expires", no "add_header Cache-Control"): ${jwksMaxAgeSeconds} s is what rotation counts on.`;
    return failure(check, `The JWKS may be cached otherwise than the server says (${cacheControl || 'no Cache-Control'}).`, mend);
  }
  return ok(check, `${kids.size} keys are published, to be cached for ${maxAge} s.`);
}
