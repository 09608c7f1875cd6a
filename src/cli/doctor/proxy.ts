import type { KeyObject } from 'node:crypto';
import type { Config } from '../../config/index.js';
import { createChallenge, ECHO_PATH, type Seen } from '../../platform/http/index.js';
import { type Answer, ask } from './ask.js';
import { type Finding, failure, ok, warning } from './finding.js';

/** An address that nobody has (RFC 5737): as a client of no good will would write it. */
const FORGED_ADDRESS = '203.0.113.77';
const FORGED_CERTIFICATE = 'doctor-forged';
/** As much as a long authorization request has, and its answer with a signed response and cookies. */
const LONG_HEADERS = 6000;

type Settings = Pick<Config, 'issuerUrl' | 'trustProxy' | 'clientCertificateHeader' | 'clientCertificateVerifiedHeader'>;

/** Asks the running server what it sees of a request that goes all the way an application's goes, and compares. */
export async function checkProxy(config: Settings, pepper: KeyObject): Promise<{ findings: Finding[]; seen?: Seen }> {
  const certificateHeaders = [config.clientCertificateHeader, config.clientCertificateVerifiedHeader].filter((name) => name !== undefined);
  const challenge = createChallenge(pepper);
  const answer = await ask(`${config.issuerUrl}${ECHO_PATH}`, {
    headers: {
      ...challenge.headers,
      'x-forwarded-for': FORGED_ADDRESS,
      ...Object.fromEntries(certificateHeaders.map((name) => [name, FORGED_CERTIFICATE])),
    },
  });
  const seen = challenge.read(answer);
  if (!seen) {
    const mend =
      'Do both have the same DATABASE_URL and KEY_ENCRYPTION_KEY? Otherwise another server answers there, or a proxy removes headers.';
    return { findings: [failure('server', 'Who answers there is no server on this database.', mend)] };
  }
  const faults = [
    ...judgeSettings(seen, config),
    ...judgeOrigin(seen, config),
    ...judgeClient(seen, config),
    ...judgeCertificates(seen),
    ...judgeVersion(seen),
    ...(await checkLongHeaders(config, pepper)),
  ];
  const through = isDirect(seen, config) ? 'directly' : `through a proxy at ${seen.socketAddress}`;
  const well = faults.some(({ check }) => check === 'proxy')
    ? []
    : [ok('proxy', `The server is reached ${through}, and sees ${seen.origin}.`)];
  return { findings: [ok('server', 'A server on this database answers.'), ...well, ...faults], seen };
}

const listOf = (text: string | null) =>
  (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
const isDirect = (seen: Seen, { issuerUrl }: Settings) => issuerUrl.startsWith('http:') && listOf(seen.forwardedFor).length <= 1;
const proxyFault = (message: string, mend: string) => failure('proxy', message, mend);

function judgeSettings(seen: Seen, { issuerUrl }: Settings): Finding[] {
  if (seen.issuer === issuerUrl) return [];
  return [failure('server', `The server runs with ISSUER_URL ${seen.issuer}.`, 'Give the server and this command the same ISSUER_URL.')];
}

/** Scheme and host, each for itself: both may be wrong. */
function judgeOrigin(seen: Seen, { issuerUrl }: Settings): Finding[] {
  if (seen.admitted) return [];
  const issuer = new URL(issuerUrl);
  const findings: Finding[] = [];
  if (issuer.protocol === 'https:') {
    if (seen.forwardedProto === null)
      findings.push(
        proxyFault(
          'The proxy does not say that the request came by https (no X-Forwarded-Proto).',
          'nginx: proxy_set_header X-Forwarded-Proto $scheme;',
        ),
      );
    else if (!seen.trusted)
      findings.push(
        proxyFault(`The proxy at ${seen.socketAddress} is not trusted, so its X-Forwarded-Proto counts for nothing.`, mendTrust(seen)),
      );
    else if (listOf(seen.forwardedProto).at(-1) !== 'https')
      findings.push(
        proxyFault(
          `The proxy says X-Forwarded-Proto: ${seen.forwardedProto}, and the issuer is https.`,
          'Say https where TLS ends, and let inner proxies pass that on (nginx: proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;).',
        ),
      );
  }
  const host = ((seen.trusted && listOf(seen.forwardedHost).at(-1)) || seen.host).toLowerCase();
  if (host !== issuer.host) {
    const hostname = host.replace(/:\d+$/, '');
    const mend = 'nginx: proxy_set_header Host $http_host;';
    const message =
      hostname === issuer.hostname
        ? `The proxy passes the host on as ${host}, where the issuer is ${issuer.host}: its port is lost${host === hostname ? ' ($host has none)' : ''}.`
        : `The proxy passes the host on as ${host}, where the issuer is ${issuer.host}.`;
    findings.push(proxyFault(message, mend));
  }
  return findings;
}

const mendTrust = ({ forwardedFor }: Seen) => {
  const hops = hopsOf(forwardedFor);
  return `Set TRUST_PROXY=${hops > 0 ? hops : 1}, or to the addresses of the proxies, and let nobody else reach the port of the server.`;
};

/** How many proxies wrote after what the client wrote. */
function hopsOf(forwardedFor: string | null): number {
  const chain = listOf(forwardedFor);
  const forged = chain.lastIndexOf(FORGED_ADDRESS);
  return chain.length - 1 - forged;
}

/** Limits and locks count by address: everybody must have their own, and nobody somebody else's. */
function judgeClient(seen: Seen, config: Settings): Finding[] {
  const check = 'client address';
  const chain = listOf(seen.forwardedFor);
  const hops = hopsOf(seen.forwardedFor);
  if (isDirect(seen, config) && hops === 0) {
    if (seen.clientAddress !== FORGED_ADDRESS) return [ok(check, `Clients are known by their own address (${seen.clientAddress}).`)];
    const mend = 'Take TRUST_PROXY away, or let nobody but the proxy reach the port of the server.';
    return [failure(check, 'TRUST_PROXY is set and there is no proxy: whoever asks can write any address.', mend)];
  }
  if (hops === 0) {
    const mend = 'nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;';
    return [
      failure(
        check,
        `The proxy does not say who is asking (X-Forwarded-For): all are taken for ${seen.clientAddress}, and locked out together.`,
        mend,
      ),
    ];
  }
  if (!seen.trusted) {
    return [
      failure(
        check,
        `The proxy at ${seen.socketAddress} is not trusted: all clients are taken for it, and locked out together.`,
        mendTrust(seen),
      ),
    ];
  }
  if (seen.clientAddress === FORGED_ADDRESS) {
    const mend = `Set TRUST_PROXY=${hops}: so many proxies are in between.`;
    return [
      failure(
        check,
        'The server believes the address that a client writes into X-Forwarded-For: TRUST_PROXY trusts more than there are proxies.',
        mend,
      ),
    ];
  }
  const expected = chain[chain.length - hops];
  if (seen.clientAddress !== expected) {
    const mend = `Set TRUST_PROXY=${hops}: so many proxies are in between.`;
    return [
      failure(
        check,
        `Clients are taken for a proxy (${seen.clientAddress}) and locked out together: TRUST_PROXY trusts fewer than there are.`,
        mend,
      ),
    ];
  }
  return [ok(check, `Clients are known by their own address (${seen.clientAddress}).`)];
}

/** Whoever can write these shows any certificate. */
function judgeCertificates(seen: Seen): Finding[] {
  const names = Object.entries(seen.proxyHeaders).flatMap(([name, value]) =>
    seen.trusted && value.includes(FORGED_CERTIFICATE) ? [name] : [],
  );
  return names.map((name) =>
    failure(
      'client certificates',
      `The proxy passes on the ${name} that a client writes: anybody can show any certificate.`,
      `Set or remove it on every request. nginx: proxy_set_header ${name} $ssl_client_escaped_cert;`,
    ),
  );
}

function judgeVersion({ httpVersion }: Seen): Finding[] {
  if (httpVersion !== '1.0') return [];
  const mend = 'nginx: proxy_http_version 1.1; proxy_set_header Connection ""; and keepalive in the upstream.';
  return [warning('http version', 'The proxy speaks HTTP/1.0 to the server: a new connection for each request.', mend)];
}

async function checkLongHeaders({ issuerUrl }: Settings, pepper: KeyObject): Promise<Finding[]> {
  const challenge = createChallenge(pepper, { padding: LONG_HEADERS });
  const answer = await ask(`${issuerUrl}${ECHO_PATH}`, { headers: challenge.headers });
  if (challenge.read(answer)) return [ok('long headers', `Headers of ${LONG_HEADERS} bytes pass both ways.`)];
  return [
    warning(
      'long headers',
      `Headers of ${LONG_HEADERS} bytes do not pass: the proxy ${answer.told}. Long sign-ins fail.`,
      mendLong(answer),
    ),
  ];
}

const mendLong = ({ status = 0 }: Answer) =>
  status >= 500
    ? 'nginx: proxy_buffer_size 16k; proxy_buffers 8 16k; (the answer is too long for it)'
    : 'nginx: large_client_header_buffers 4 16k; (the request is too long for it)';
