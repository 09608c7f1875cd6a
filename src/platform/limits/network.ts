import ipaddr from 'ipaddr.js';

/**
 * The part of an address that one customer of a network provider holds: an IPv4 address, or the /64 of an IPv6 address (who has one address
 * of it has all of them). What is not an address shares one name, so that leaving it out is no way around a limit.
 */
export function networkOf(ip: string | undefined): string {
  if (ip === undefined || !ipaddr.isValid(ip)) return 'unknown';
  // IPv4-mapped IPv6 (::ffff:192.0.2.1) is the IPv4 address it stands for.
  const address = ipaddr.process(ip);
  if (address instanceof ipaddr.IPv4) return address.toString();
  return `${address.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}
