import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { weaknessOf } from '../../src/config/weak-secrets.js';
import { configurationFaults } from '../support/configuration.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), 'latchkey-config-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

const KEY = Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64');
const COOKIE_SECRET = 'correct-horse-battery-staple-0123456789';
const production = {
  LATCHKEY_ENV: 'production',
  ISSUER_URL: 'https://login.example.com',
  KEY_ENCRYPTION_KEY: KEY,
  COOKIE_SECRETS: COOKIE_SECRET,
  SMTP_URL: 'smtps://latchkey:pass%40word@mail.example.com',
};

const load = (environment: Record<string, string> = {}) => loadConfig(environment, { root });

const faultsOf = (environment: Record<string, string>) => configurationFaults(environment, root);

describe('production', () => {
  it('starts when the issuer is https and every secret is given, without a demo', () => {
    expect(load(production)).toMatchObject({ env: 'production', demo: false, issuerUrl: 'https://login.example.com' });
    expect(readdirSync(root)).toEqual([]);
  });

  it('refuses to start on defaults, and says everything that is missing at once', () => {
    const faults = faultsOf({ LATCHKEY_ENV: 'production', DEMO: 'on' });
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual(['ISSUER_URL', 'KEY_ENCRYPTION_KEY', 'COOKIE_SECRETS', 'SMTP_URL', 'DEMO']);
  });

  const KEY_BYTES = Buffer.from(KEY, 'base64');
  it.each([
    ['counts up', { KEY_ENCRYPTION_KEY: Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64') }],
    ['is the alphabet', { KEY_ENCRYPTION_KEY: Buffer.from('abcdefghijklmnopqrstuvwxyz012345').toString('base64') }],
    ['repeats a shorter one', { KEY_ENCRYPTION_KEY: Buffer.from('Vq7rT2mXVq7rT2mXVq7rT2mXVq7rT2mX').toString('base64') }],
    ['repeats a shorter one', { COOKIE_SECRETS: 'Vq7rT2mXw9LpZ4kHVq7rT2mXw9LpZ4kH' }],
    ['has few different characters', { COOKIE_SECRETS: 'abcabdcabbacdeabfgabhaabcabdcabb' }],
    ['is the key-encryption key again', { COOKIE_SECRETS: KEY }],
    ['is the key-encryption key again, as it is read', { COOKIE_SECRETS: `${COOKIE_SECRET},${KEY_BYTES.toString()}` }],
    ['is there twice', { COOKIE_SECRETS: `${COOKIE_SECRET},${COOKIE_SECRET}` }],
    ['is the key before again', { KEY_ENCRYPTION_KEY_PREVIOUS: KEY }],
  ])('refuses a secret that %s, with the command that makes a good one', (_, changed) => {
    const [name = ''] = Object.keys(changed);
    const faults = faultsOf({ ...production, ...changed });
    expect(faults).toEqual([expect.stringMatching(new RegExp(`^${name} .*openssl rand -base64 32$`))]);
    for (const secret of Object.values(changed)) expect(faults.join()).not.toContain(secret);
  });

  it('takes a thousand secrets that are random', () => {
    for (let round = 0; round < 1000; round++) {
      expect(weaknessOf(randomBytes(32))).toBeNull();
      expect(weaknessOf(randomBytes(24).toString('base64'))).toBeNull();
    }
  });

  it('refuses the secrets that the same installation made for development', () => {
    const { keyEncryptionKey, cookieSecrets } = load();
    const faults = faultsOf({
      ...production,
      KEY_ENCRYPTION_KEY: keyEncryptionKey.toString('base64'),
      COOKIE_SECRETS: cookieSecrets.join(),
    });
    expect(faults).toHaveLength(2);
    for (const fault of faults) expect(fault).toContain('made for development');
  });

  it('tells all at once: scheme, secrets, mails, demo, origins', () => {
    const faults = faultsOf({
      ...production,
      ISSUER_URL: 'http://login.example.com',
      KEY_ENCRYPTION_KEY: Buffer.from('abcdefghijklmnopqrstuvwxyz012345').toString('base64'),
      COOKIE_SECRETS: 'abcabdcabbacdeabfgabhaabcabdcabb',
      SMTP_URL: '',
      DEMO: 'on',
      FIRST_PARTY_ORIGINS: 'http://app.example.com',
    });
    expect(faults.map((fault) => fault.split(' ')[0])).toEqual([
      'ISSUER_URL',
      'SMTP_URL',
      'DEMO',
      'FIRST_PARTY_ORIGINS',
      'KEY_ENCRYPTION_KEY',
      'COOKIE_SECRETS',
    ]);
  });

  it('calls a setting that is faulty faulty, and not missing as well', () => {
    const faults = faultsOf({ ...production, KEY_ENCRYPTION_KEY: 'weak', ISSUER_URL: 'nowhere' });
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual(['ISSUER_URL', 'KEY_ENCRYPTION_KEY']);
  });

  it('makes no secrets of its own, and does not use those of a development installation', () => {
    load();
    const { KEY_ENCRYPTION_KEY: _, ...rest } = production;
    expect(faultsOf(rest)).toEqual([expect.stringContaining('KEY_ENCRYPTION_KEY')]);
  });
});
