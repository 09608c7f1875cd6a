import { isIP } from 'node:net';
import { z } from 'zod';

// How the text of an environment variable becomes a value. Each message says what would be right.

export const text = z.string().min(1, 'must not be empty');

export const integer = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,12}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be a whole number from ${min} to ${max}`);

export const oneOf = <const T extends readonly string[]>(...values: T) =>
  z
    .string()
    .refine((value): value is T[number] => values.includes(value), `must be one of: ${values.join(', ')}`)
    .transform((value) => value as T[number]);

export const onOff = oneOf('on', 'off').transform((value) => value === 'on');

export const httpUrl = z.string().transform((value, context) => {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username || url.password) {
    context.addIssue('must be an http or https URL without query, fragment or credentials');
    return z.NEVER;
  }
  if (url.pathname !== '/') {
    context.addIssue('must not have a path: the pages and endpoints live at the root of their origin');
    return z.NEVER;
  }
  return url.origin;
});

export const rangeUrl = z
  .string()
  .refine(
    (value) => /^https?:$/.test(URL.canParse(value) ? new URL(value).protocol : '') && !/[?#@]/.test(value),
    'must be an http or https URL without query, fragment or credentials, such as https://api.pwnedpasswords.com/range/',
  );

export const databaseUrl = z
  .string()
  .regex(/^(file:.+|postgres(ql)?:\/\/.+)$/, 'must start with file: (SQLite) or postgresql:// (PostgreSQL)')
  .refine((value) => value.startsWith('file:') || URL.canParse(value), 'is not a URL: percent-encode special characters of its password');

export const smtpUrl = z
  .string()
  .refine(
    (value) => /^smtps?:\/\/\S+$/.test(value) && URL.canParse(value),
    'must be an smtp:// or smtps:// URL, such as smtp://user:password@mail.example.com:587, with special characters percent-encoded',
  );

export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

const SIGNING_ALGS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;

/** Signature algorithms in a comma list, each once. */
export const signingAlgs = list.pipe(
  z
    .array(z.enum(SIGNING_ALGS, { error: `must be a comma list of ${SIGNING_ALGS.join(', ')}` }))
    .min(1, 'must name at least one algorithm')
    .refine((algs) => new Set(algs).size === algs.length, 'names an algorithm twice'),
);

export const key32 = z.string().transform((value, context) => {
  const bytes = Buffer.from(value.trim(), 'base64');
  // Node skips what is not base64 without a word; a passphrase must not pass for a key.
  if (bytes.length !== 32 || !/^[A-Za-z0-9+/_-]{43}=?$/.test(value.trim())) {
    context.addIssue('must be 32 bytes in base64. Make one with: openssl rand -base64 32');
    return z.NEVER;
  }
  if (new Set(bytes).size < 8) {
    context.addIssue('is not random. Make one with: openssl rand -base64 32');
    return z.NEVER;
  }
  return bytes;
});

export const cookieSecrets = list.pipe(
  z
    .array(
      z
        .string()
        .refine(
          (value) => value.length >= 32 && new Set(value).size >= 8,
          'must hold random secrets of at least 32 characters each. Make one with: openssl rand -base64 32',
        ),
    )
    .min(1, 'must hold at least one secret'),
);

function isAddressOrNetwork(text: string): boolean {
  const [, address = '', prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const family = isIP(address);
  return family !== 0 && (prefix === undefined || Number(prefix) <= (family === 4 ? 32 : 128));
}

/** A header that nothing else uses; lower case, as Node has header names. */
export const certificateHeader = z
  .string()
  .regex(/^(?=.*(?:cert|ssl|tls))[a-z0-9-]{4,100}$/i, 'must be a header name with cert, ssl or tls in it, such as X-SSL-Client-Cert')
  .transform((name) => name.toLowerCase());

/** Origins of web pages in a comma list, each as browsers write it. */
export const origins = list.transform((items, context) => {
  for (const item of items) {
    const url = URL.canParse(item) ? new URL(item) : undefined;
    if (url && /^https?:$/.test(url.protocol) && url.origin === item) continue;
    const mend = url && /^https?:$/.test(url.protocol) ? `write ${url.origin}` : 'write scheme and host, such as https://app.example.com';
    const cause = item === '*' || item === 'null' ? 'names no page in particular' : 'is not an origin';
    context.addIssue(`has an entry that ${cause} (${item}): ${mend}`);
  }
  return items;
});

/** `1` (hops), or addresses and networks in a comma list. */
export const trustProxy = z.string().transform((value, context) => {
  if (/^\d{1,2}$/.test(value)) return { hops: Number(value) } as const;
  const addresses = value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean);
  const known = new Set(['loopback', 'linklocal', 'uniquelocal']);
  const faulty = addresses.filter((address) => !known.has(address) && !isAddressOrNetwork(address));
  if (addresses.length === 0 || faulty.length > 0) {
    context.addIssue(
      `must be a number of hops, or a comma list of addresses, networks, loopback, linklocal, uniquelocal${faulty.length > 0 ? ` (not: ${faulty.join(', ')})` : ''}`,
    );
    return z.NEVER;
  }
  return { addresses } as const;
});

const HOST_NAME = /^(\*\.)?(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,62})(\.[a-z0-9]([a-z0-9-]{0,62}))*$/i;

/** Host names, `*.suffix`, addresses and networks in a comma list. */
export const outboundAllow = list.pipe(
  z.array(
    z.string().refine(
      // The last label of a name is no number: 10.0.0 and 0x7f.1 are addresses that somebody mistyped.
      (entry) => isAddressOrNetwork(entry) || (HOST_NAME.test(entry) && !/(^|\.)(\d+|0x[0-9a-f]*)$/i.test(entry)),
      'must be a comma list of host names (api.example.internal), *.suffixes, addresses and networks (10.1.0.0/16)',
    ),
  ),
);

export const color = z.string().regex(/^#[0-9a-fA-F]{6}$/, 'must be a colour such as #1f6feb');
