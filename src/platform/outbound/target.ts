import { isIP } from 'node:net';
import { type Allowance, findAddressFault, isLoopbackAddress } from './addresses.js';
import { OutboundError } from './errors.js';

/** All addresses of a name. @param options.trusted the operator stands behind whoever named it */
export type Resolve = (hostname: string, options: { trusted: boolean }) => Promise<readonly string[]>;

/** Where a request goes: a URL, and the addresses that were checked, of which it uses one and no other. */
export type Target = { url: URL; addresses: readonly string[] };

export type TargetPolicy = {
  allowance: Allowance;
  /** true in development: plain http to this machine */
  plainLoopback: boolean;
  resolve: Resolve;
};

const MAX_URL_CHARS = 2048;
const MAX_ADDRESSES = 32;
const LOWEST_ALLOWED_PORT = 1024;

/**
 * Decides whether and where a request may go. The name is resolved here, once: a name server that answers otherwise the next time (DNS rebinding) is
 * not asked again.
 * @param trusted the operator stands behind whoever named the address
 * @throws OutboundError `url`, `scheme`, `port`, `name`, `address`
 */
export async function chooseTarget(
  address: string | URL,
  { trusted, policy }: { trusted: boolean; policy: TargetPolicy },
): Promise<Target> {
  const url = parse(String(address));
  const allowance = trusted ? policy.allowance : undefined;
  const hostname = nameOf(url);
  if (url.protocol === 'http:' && !(policy.plainLoopback && trusted)) throw new OutboundError('scheme', `${url.host}: only https is used`);
  const addresses = await resolveAll(hostname, { trusted, resolve: policy.resolve });
  for (const found of addresses) {
    const fault = findAddressFault(found, hostname, allowance);
    if (fault) throw new OutboundError('address', `${url.host} leads to ${found}, which ${fault}`);
  }
  if (url.protocol === 'http:' && !addresses.every(isLoopbackAddress)) {
    throw new OutboundError('scheme', `${url.host}: plain http is for this machine only, and in development`);
  }
  const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
  const opened = allowance !== undefined && (allowance.allowsHost(hostname) || addresses.every(allowance.allowsAddress));
  if (port !== 443 && !(opened && port >= LOWEST_ALLOWED_PORT)) {
    throw new OutboundError('port', `${url.host}: port ${port} is not used; hosts in OUTBOUND_ALLOW may have one of 1024 and above`);
  }
  return { url, addresses };
}

/** The host without brackets and without the dot of the root. What looks like a number was made an IPv4 address by the parser (WHATWG URL, 3.5). */
function nameOf(url: URL): string {
  const hostname = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
  if (hostname === '') throw new OutboundError('url', 'the address names no host');
  return hostname;
}

function parse(text: string): URL {
  if (text.length > MAX_URL_CHARS) throw new OutboundError('url', `the address is longer than ${MAX_URL_CHARS} characters`);
  if (!URL.canParse(text)) throw new OutboundError('url', 'the address is not a URL');
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw new OutboundError('scheme', `${url.protocol} is not used`);
  if (url.username || url.password) throw new OutboundError('url', `${url.host}: the address carries a user name or password`);
  url.hash = '';
  return url;
}

async function resolveAll(hostname: string, { trusted, resolve }: { trusted: boolean; resolve: Resolve }): Promise<readonly string[]> {
  if (isIP(hostname) !== 0) return [hostname];
  const addresses = await resolve(hostname, { trusted }).catch((cause: unknown) => {
    throw new OutboundError('name', `${hostname} cannot be resolved`, cause);
  });
  if (addresses.length === 0 || addresses.length > MAX_ADDRESSES) {
    throw new OutboundError('name', `${hostname} has ${addresses.length} addresses`);
  }
  return addresses;
}
