import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ConfigurationError, loadConfig } from '../../src/config/index.js';

const root = mkdtempSync(path.join(os.tmpdir(), 'latchkey-config-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const production = {
  LATCHKEY_ENV: 'production',
  ISSUER_URL: 'https://login.example.com',
  KEY_ENCRYPTION_KEY: Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64'),
  COOKIE_SECRETS: 'correct-horse-battery-staple-0123456789',
  SMTP_URL: 'smtps://latchkey:pass%40word@mail.example.com',
};
const load = (environment: Record<string, string>) => loadConfig(environment, { root });
const faultsOf = (environment: Record<string, string>): readonly string[] => {
  try {
    load(environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
};

describe('the address that leaked passwords are looked up at', () => {
  const url = (BREACHED_PASSWORDS_URL: string, more: Record<string, string> = {}) => faultsOf({ ...more, BREACHED_PASSWORDS_URL });

  it('is none unless it is set, and https', () => {
    expect(load({}).breachedPasswordsUrl).toBeUndefined();
    expect(load({ BREACHED_PASSWORDS_URL: 'https://api.pwnedpasswords.com/range/' }).breachedPasswordsUrl).toBe(
      'https://api.pwnedpasswords.com/range/',
    );
  });

  it('may be http on this machine in development only', () => {
    expect(url('http://127.0.0.1:4000/range/')).toEqual([]);
    expect(url('http://ranges.example.com/range/')).toEqual([expect.stringMatching(/^BREACHED_PASSWORDS_URL must be https/)]);
    expect(url('http://127.0.0.1:4000/range/', { ...production, DEMO: 'off' })).toEqual([
      expect.stringMatching(/^BREACHED_PASSWORDS_URL must be https in production/),
    ]);
  });

  it.each(['ftp://example.com/', 'not a url', 'https://user:pass@example.com/', 'https://example.com/?q=', 'https://example.com/#'])(
    'is not %s',
    (address) => {
      expect(url(address)).toEqual([expect.stringMatching(/^BREACHED_PASSWORDS_URL must be an http or https URL/)]);
    },
  );
});
