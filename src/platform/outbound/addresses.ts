import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** What the operator opens beyond the public internet. */
export type Allowance = {
  /** A name that the operator has named, or one under a `*.suffix`. */
  allowsHost(hostname: string): boolean;
  /** An address within a network that the operator has named. */
  allowsAddress(address: string): boolean;
};

/** Ranges that a name which the operator has named may lead to. Link-local, multicast and the like need their network to be named. */
const PRIVATE_RANGES = new Set(['private', 'loopback', 'uniqueLocal', 'carrierGradeNat']);

/** Addresses in ranges of all kinds at which clouds hand out credentials to whoever asks: no name leads there. */
const METADATA_ADDRESSES = new Set(['169.254.169.254', '100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254']);

/** IPv6 forms that carry an IPv4 address. What they reach is decided by a translator that we do not know, so nobody can open them. */
const CARRIERS = new Set(['ipv4Mapped', 'rfc6145', 'rfc6052', '6to4', 'teredo']);

const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/** RFC 5214, section 6.1: the interface id 0000:5efe or 0200:5efe and an IPv4 address, under any prefix. */
const isIsatap = (address: Address) =>
  address instanceof ipaddr.IPv6 && address.parts[5] === 0x5efe && ((address.parts[4] ?? 0) & 0xfdff) === 0;

/** `::127.0.0.1` (RFC 4291, section 2.5.5.1) is of no range of its own. */
const isCompatible = (address: Address) => address instanceof ipaddr.IPv6 && address.parts.slice(0, 6).every((part) => part === 0);

type Judgement =
  | { kind: 'public' }
  | { kind: 'private'; range: string }
  | { kind: 'special'; range: string }
  | { kind: 'never'; range: string };

function judge(address: Address): Judgement {
  const range = address.range();
  if (METADATA_ADDRESSES.has(address.toString())) return { kind: 'special', range: 'cloud metadata' };
  if (PRIVATE_RANGES.has(range)) return { kind: 'private', range };
  if (CARRIERS.has(range) || isIsatap(address) || isCompatible(address)) return { kind: 'never', range: `IPv4 within IPv6 (${range})` };
  if (range === 'multicast' || range === 'broadcast' || range === 'unspecified') return { kind: 'never', range };
  if (range !== 'unicast') return { kind: 'special', range };
  const isPublic = address instanceof ipaddr.IPv4 || address.match(GLOBAL_UNICAST);
  return isPublic ? { kind: 'public' } : { kind: 'special', range: 'not global' };
}

/**
 * Why an address must not be connected to, or null.
 * @param allowance absent where the one who named the address is not trusted: then it must be a public one
 */
export function findAddressFault(text: string, hostname: string, allowance: Allowance | undefined): string | null {
  if (!ipaddr.isValid(text)) return 'is not an address';
  const judgement = judge(ipaddr.parse(text));
  if (judgement.kind === 'public') return null;
  if (judgement.kind !== 'never' && allowance) {
    if (allowance.allowsAddress(text)) return null;
    if (judgement.kind === 'private' && allowance.allowsHost(hostname)) return null;
  }
  return `is not public (${judgement.range})`;
}

/** True for addresses that only this machine answers for. */
export const isLoopbackAddress = (text: string): boolean => ipaddr.isValid(text) && ipaddr.parse(text).range() === 'loopback';

/**
 * Reads OUTBOUND_ALLOW.
 * @param entries host names, `*.suffix`, addresses, networks in CIDR notation
 */
export function compileAllowance(entries: readonly string[]): Allowance {
  const networks: [Address, number][] = [];
  const names = new Set<string>();
  const suffixes: string[] = [];
  for (const entry of entries) {
    if (ipaddr.isValidCIDR(entry)) networks.push(ipaddr.parseCIDR(entry));
    else if (ipaddr.isValid(entry)) networks.push([ipaddr.parse(entry), ipaddr.parse(entry).kind() === 'ipv4' ? 32 : 128]);
    else if (entry.startsWith('*.')) suffixes.push(entry.slice(1).toLowerCase());
    else names.add(entry.toLowerCase());
  }
  return {
    allowsHost: (hostname) =>
      names.has(hostname) || suffixes.some((suffix) => hostname.endsWith(suffix) && hostname.length > suffix.length),
    allowsAddress(text) {
      if (!ipaddr.isValid(text)) return false;
      const address = ipaddr.parse(text);
      return networks.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits));
    },
  };
}
