import { weaknessOf } from './weak-secrets.js';

/** What is wrong with a setting; `text` begins with its name and ends with its mend. */
export type Fault = { name: string; text: string };

export const isLoopback = (hostname: string) => /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/.test(hostname);

/** What production is judged by; what was faulty in itself is not there. */
export type ProductionSettings = {
  issuerUrl?: string | undefined;
  keyEncryptionKey?: Buffer | undefined;
  keyEncryptionKeyPrevious?: Buffer | undefined;
  cookieSecrets?: readonly string[] | undefined;
  smtpUrl?: string | undefined;
  breachedPasswordsUrl?: string | undefined;
  demo?: boolean | undefined;
  firstPartyOrigins?: readonly string[] | undefined;
};

const MAKE = 'Make one with: openssl rand -base64 32';

/**
 * Everything that must not be so where people sign in, all at once.
 * @param options.developmentSecrets what this installation made for itself, which anybody with a copy of the checkout has
 */
export function productionFaults(config: ProductionSettings, { developmentSecrets }: { developmentSecrets: readonly string[] }): Fault[] {
  const checks: [name: string, faulty: boolean, mend: string][] = [
    [
      'ISSUER_URL',
      !config.issuerUrl?.startsWith('https:'),
      'must be https in production: set the address that browsers use, such as https://login.example.com',
    ],
    ['KEY_ENCRYPTION_KEY', !config.keyEncryptionKey, `(or KEY_ENCRYPTION_KEY_FILE) must be set in production. ${MAKE}`],
    ['COOKIE_SECRETS', !config.cookieSecrets, `(or COOKIE_SECRETS_FILE) must be set in production. ${MAKE}`],
    [
      'SMTP_URL',
      !config.smtpUrl,
      '(or SMTP_URL_FILE) must be set in production: without it nobody can verify an address or reset a password',
    ],
    [
      'BREACHED_PASSWORDS_URL',
      config.breachedPasswordsUrl?.startsWith('http:') ?? false,
      'must be https in production, such as https://api.pwnedpasswords.com/range/',
    ],
    ['DEMO', config.demo ?? false, 'must not be on in production: its client secret is public'],
    [
      'FIRST_PARTY_ORIGINS',
      config.firstPartyOrigins?.some((origin) => origin.startsWith('http:') && !isLoopback(new URL(origin).hostname)) ?? false,
      'must be https in production: whoever is on the way could change such a page. Write https://... for each',
    ],
  ];
  return [
    ...checks.flatMap(([name, faulty, mend]) => (faulty ? [{ name, text: `${name} ${mend}` }] : [])),
    ...secretFaults(config, developmentSecrets),
  ];
}

/** Secrets that can be guessed, that somebody else has, or that are one and the same. */
function secretFaults(config: ProductionSettings, developmentSecrets: readonly string[]): Fault[] {
  const { keyEncryptionKey, keyEncryptionKeyPrevious, cookieSecrets = [] } = config;
  const secrets: { name: string; value: Buffer }[] = [
    ...(keyEncryptionKey ? [{ name: 'KEY_ENCRYPTION_KEY', value: keyEncryptionKey }] : []),
    ...(keyEncryptionKeyPrevious ? [{ name: 'KEY_ENCRYPTION_KEY_PREVIOUS', value: keyEncryptionKeyPrevious }] : []),
    // One that was made as base64 is compared, and looked at, as what it holds.
    ...cookieSecrets.map((text) => ({
      name: 'COOKIE_SECRETS',
      value: /^[A-Za-z0-9+/]{43}=$/.test(text) ? Buffer.from(text, 'base64') : Buffer.from(text),
    })),
  ];
  const development = developmentSecrets.map((text) => Buffer.from(text, 'base64'));
  const faults = new Map<string, Fault>();
  secrets.forEach(({ name, value }, index) => {
    const add = (text: string) => faults.has(name) || faults.set(name, { name, text: `${name} ${text}. ${MAKE}` });
    const weakness = weaknessOf(value);
    if (weakness) add(`is not random: it ${weakness}`);
    if (development.some((known) => known.equals(value))) add('is what this installation made for development');
    const same = secrets.slice(0, index).find((other) => other.value.equals(value));
    if (same) add(same.name === name ? 'holds the same secret twice' : `is the same secret as ${same.name}`);
  });
  return [...faults.values()];
}
