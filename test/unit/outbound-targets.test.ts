import { describe, expect, it } from 'vitest';
import { compileAllowance } from '../../src/platform/outbound/addresses.js';
import { OutboundError } from '../../src/platform/outbound/index.js';
import { chooseTarget } from '../../src/platform/outbound/target.js';

type Options = { trusted?: boolean; allow?: string[]; development?: boolean; names?: Record<string, string[]> };

/** "goes" with the addresses it may use, or the reason why it does not. */
async function judge(url: string, { trusted = false, allow = [], development = false, names = {} }: Options = {}): Promise<string> {
  const resolve = async (hostname: string) => {
    if (!names[hostname]) throw new Error('ENOTFOUND');
    return names[hostname];
  };
  try {
    const policy = { allowance: compileAllowance(allow), plainLoopback: development, resolve };
    return `goes to ${(await chooseTarget(url, { trusted, policy })).addresses.join(' ')}`;
  } catch (error) {
    if (error instanceof OutboundError) return error.reason;
    throw error;
  }
}

const PUBLIC = ['93.184.215.14', '2606:4700::1111'];

describe('an outbound request', () => {
  it('goes to a public address over https, with a port of 443 only', async () => {
    const names = { 'keys.example.com': PUBLIC };
    expect(await judge('https://keys.example.com/jwks', { names })).toBe(`goes to ${PUBLIC.join(' ')}`);
    expect(await judge('https://keys.example.com:443/jwks', { names })).toBe(`goes to ${PUBLIC.join(' ')}`);
    expect(await judge('https://8.8.8.8/jwks')).toBe('goes to 8.8.8.8');
    for (const port of [80, 22, 25, 444, 5432, 6379, 8443, 65535]) {
      expect(await judge(`https://keys.example.com:${port}/`, { names, trusted: true }), String(port)).toBe('port');
    }
  });

  it.each([
    ['http://keys.example.com/', 'scheme'],
    ['ftp://keys.example.com/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['gopher://keys.example.com/', 'scheme'],
    ['data:application/json,{}', 'scheme'],
    ['https://user@keys.example.com/', 'url'],
    ['https://user:password@keys.example.com/', 'url'],
    ['https://keys.example.com@127.0.0.1/', 'url'],
    ['keys.example.com', 'url'],
    ['https://', 'url'],
    ['https://./', 'url'],
    [`https://keys.example.com/${'a'.repeat(3000)}`, 'url'],
    ['https://nowhere.example.com/', 'name'],
  ])('never goes to %s', async (url, reason) => {
    const names = { 'keys.example.com': PUBLIC };
    expect(await judge(url, { names })).toBe(reason);
    expect(await judge(url, { names, trusted: true, development: true })).toBe(reason);
  });

  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.8.9.10', 'loopback'],
    ['127.1', 'loopback, shortened'],
    ['2130706433', 'loopback, as one number'],
    ['0x7f000001', 'loopback, in hexadecimal'],
    ['017700000001', 'loopback, in octal'],
    ['0x7f.1', 'loopback, mixed'],
    ['127。0。0。1', 'loopback, with ideographic dots'],
    ['①②⑦.0.0.1', 'loopback, in circled digits'],
    ['127.0.0.1.', 'loopback, with the root'],
    ['0.0.0.0', 'this host'],
    ['0', 'this host, as one number'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'carrier-grade NAT'],
    ['169.254.1.1', 'link-local'],
    ['169.254.169.254', 'cloud metadata'],
    ['100.100.100.200', 'cloud metadata'],
    ['168.63.129.16', 'cloud metadata in public space'],
    ['192.0.0.192', 'cloud metadata'],
    ['192.0.2.1', 'documentation'],
    ['198.18.0.1', 'benchmarking'],
    ['224.0.0.1', 'multicast'],
    ['239.255.255.250', 'multicast'],
    ['240.0.0.1', 'reserved'],
    ['255.255.255.255', 'broadcast'],
    ['[::]', 'unspecified'],
    ['[::1]', 'loopback'],
    ['[0:0:0:0:0:0:0:1]', 'loopback, in full'],
    ['[::ffff:127.0.0.1]', 'IPv4-mapped'],
    ['[::ffff:a00:1]', 'IPv4-mapped, in hexadecimal'],
    ['[::ffff:8.8.8.8]', 'IPv4-mapped, even of a public address'],
    ['[::127.0.0.1]', 'IPv4-compatible'],
    ['[::ffff:0:127.0.0.1]', 'IPv4-translated'],
    ['[64:ff9b::127.0.0.1]', 'NAT64'],
    ['[64:ff9b::8.8.8.8]', 'NAT64'],
    ['[64:ff9b:1::a00:1]', 'local NAT64'],
    ['[2002:7f00:1::]', '6to4'],
    ['[2001:0:4136:e378:8000:63bf:3fff:fdd2]', 'Teredo'],
    ['[2600:1::5efe:7f00:1]', 'ISATAP'],
    ['[fe80::1]', 'link-local'],
    ['[fec0::1]', 'site-local'],
    ['[fc00::1]', 'unique-local'],
    ['[fd00:ec2::254]', 'cloud metadata'],
    ['[ff02::1]', 'multicast'],
    ['[100::1]', 'discard'],
    ['[2001:db8::1]', 'documentation'],
    ['[4000::1]', 'not global'],
  ])('of a stranger never goes to %s (%s), whatever the operator opened', async (host) => {
    for (const url of [`https://${host}/`, `https://${host}:8443/`]) {
      const everything = ['0.0.0.0/0', '::/0', '*.example.com', 'localhost'];
      expect(await judge(url, { allow: everything, development: true })).toBe('address');
    }
  });

  it('goes nowhere when one of the addresses of a name is not public: which of them is used is chance', async () => {
    const names = { 'keys.example.com': ['8.8.8.8', '10.0.0.1'], 'six.example.com': ['2606:4700::1111', '::1'] };
    expect(await judge('https://keys.example.com/', { names })).toBe('address');
    expect(await judge('https://six.example.com/', { names })).toBe('address');
    expect(await judge('https://none.example.com/', { names: { 'none.example.com': [] } })).toBe('name');
    const many = { 'many.example.com': Array.from({ length: 40 }, (_, index) => `8.8.8.${index}`) };
    expect(await judge('https://many.example.com/', { names: many })).toBe('name');
    expect(await judge('https://odd.example.com/', { names: { 'odd.example.com': ['not-an-address'] } })).toBe('address');
    expect(await judge('https://zone.example.com/', { names: { 'zone.example.com': ['fe80::1%eth0'] } })).toBe('address');
  });
});

describe('OUTBOUND_ALLOW', () => {
  const names = { 'api.corp.example': ['10.1.2.3'], 'other.corp.example': ['10.9.9.9'], localhost: ['127.0.0.1', '::1'] };

  it('opens networks, names and suffixes to trusted clients, with ports from 1024 on', async () => {
    const on = (url: string, allow: string[]) => judge(url, { trusted: true, allow, names });
    expect(await on('https://api.corp.example/', [])).toBe('address');
    expect(await on('https://api.corp.example/', ['10.1.0.0/16'])).toBe('goes to 10.1.2.3');
    expect(await on('https://api.corp.example/', ['10.1.2.3'])).toBe('goes to 10.1.2.3');
    expect(await on('https://api.corp.example./', ['API.corp.example'])).toBe('goes to 10.1.2.3');
    expect(await on('https://api.corp.example/', ['*.corp.example'])).toBe('goes to 10.1.2.3');
    expect(await on('https://other.corp.example/', ['10.1.0.0/16'])).toBe('address');
    expect(await on('https://other.corp.example/', ['api.corp.example', '*.p.example'])).toBe('address');
    expect(await on('https://api.corp.example:8443/', ['*.corp.example'])).toBe('goes to 10.1.2.3');
    expect(await on('https://api.corp.example:22/', ['*.corp.example'])).toBe('port');
    expect(await on('https://localhost:8443/', ['127.0.0.0/8', '::1'])).toBe('goes to 127.0.0.1 ::1');
  });

  it('opens metadata and link-local addresses by their network only, and IPv4 within IPv6 by nothing', async () => {
    const at = (address: string, allow: string[]) =>
      judge('https://api.corp.example/', { trusted: true, allow, names: { 'api.corp.example': [address] } });
    for (const address of ['169.254.169.254', '100.100.100.200', 'fd00:ec2::254', '168.63.129.16', '169.254.1.1']) {
      expect(await at(address, ['api.corp.example', '*.example', '*.corp.example']), address).toBe('address');
      expect(await at(address, [address]), address).toBe(`goes to ${address}`);
    }
    for (const address of ['::ffff:127.0.0.1', '64:ff9b::a00:1', '2002:a00:1::', '::127.0.0.1', '0.0.0.0', '224.0.0.1', 'ff02::1']) {
      expect(await at(address, ['0.0.0.0/0', '::/0', 'api.corp.example']), address).toBe('address');
    }
  });

  it('lets plain http go to this machine only, in development only, for trusted clients only', async () => {
    const allow = ['127.0.0.0/8', '::1', '*.corp.example'];
    const url = 'http://localhost:8080/';
    expect(await judge(url, { trusted: true, development: true, allow, names })).toBe('goes to 127.0.0.1 ::1');
    expect(await judge(url, { trusted: true, development: false, allow, names })).toBe('scheme');
    expect(await judge(url, { trusted: false, development: true, allow, names })).toBe('scheme');
    expect(await judge('http://api.corp.example:8080/', { trusted: true, development: true, allow, names })).toBe('scheme');
    expect(await judge('http://localhost/', { trusted: true, development: true, allow, names })).toBe('port');
  });
});
