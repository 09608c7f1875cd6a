import { type ChildProcess, fork } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { settings } from '../../src/config/settings.js';
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
const load = (environment: Record<string, string> = {}) => loadConfig(environment, { root });

const faultsOf = (environment: Record<string, string>) => configurationFaults(environment, root);

describe('defaults', () => {
  it('are enough to start with: nothing has to be set', () => {
    const config = load();
    expect(config).toMatchObject({
      env: 'development',
      host: '127.0.0.1',
      port: 3000,
      issuerUrl: 'http://localhost:3000',
      dataDir: path.join(root, 'data'),
      databaseUrl: `file:${path.join(root, 'data', 'latchkey.db')}`,
      demo: true,
      accessTokenTtlSeconds: 900,
    });
  });

  it('are each accepted by their own setting', () => {
    for (const { name, schema, fallback } of Object.values(settings)) {
      if (fallback !== undefined) expect(schema.safeParse(fallback).success, name).toBe(true);
    }
  });

  it('follow what they depend on: the issuer the port, the database the data folder', () => {
    expect(load({ PORT: '4001', DATA_DIR: 'elsewhere' })).toMatchObject({
      issuerUrl: 'http://localhost:4001',
      databaseUrl: `file:${path.join(root, 'elsewhere', 'latchkey.db')}`,
    });
  });

  it('stand in for a variable that is set to nothing', () => {
    expect(load({ PORT: '', LATCHKEY_ENV: '' })).toMatchObject({ port: 3000, env: 'development' });
  });
});

describe('development', () => {
  it('is no default for an issuer that other machines reach: there everybody reads every mail', () => {
    for (const ISSUER_URL of ['https://login.example.com', 'http://192.0.2.7:3000', 'http://localhost.example.com']) {
      expect(faultsOf({ ISSUER_URL })).toEqual([expect.stringMatching(/^LATCHKEY_ENV must be set .*production, or development/)]);
      expect(load({ ISSUER_URL, LATCHKEY_ENV: 'development' })).toMatchObject({ env: 'development' });
    }
    for (const ISSUER_URL of ['http://localhost:4000', 'http://login.localhost', 'http://127.0.0.1:4000', 'http://[::1]:4000'])
      expect(load({ ISSUER_URL })).toMatchObject({ env: 'development' });
  });
});

describe('faults', () => {
  const faulty = {
    PORT: '70000',
    ISSUER_URL: 'https://login.example.com/path',
    DATABASE_URL: 'mysql://localhost/x',
    TRUST_PROXY: '10.0.0.0/40, everybody',
    KEY_ENCRYPTION_KEY: 'short',
    COOKIE_SECRETS: 'short',
    SMTP_URL: 'http://mail.example.com',
    REGISTRATION: 'yes',
    BRAND_COLOR: 'red',
    ACCESS_TOKEN_TTL_SECONDS: '-1',
    LOG_LEVEL: 'loud',
  };

  it('are told all at once, each with its name and what would be right', () => {
    const faults = faultsOf(faulty);
    expect(faults.map((fault) => fault.split(' ')[0]).sort()).toEqual(Object.keys(faulty).sort());
    for (const fault of faults) expect(fault).toMatch(/must|is not/);
    expect(() => load(faulty)).toThrow('The configuration has 11 faults');
  });

  it('never repeat a secret', () => {
    const secrets = {
      KEY_ENCRYPTION_KEY: 'hunter2-key',
      COOKIE_SECRETS: 'hunter2-cookie',
      SMTP_URL: 'hunter2-smtp',
      DATABASE_URL: 'postgresql://latchkey:hunter2@@/ #:x',
    };
    expect(faultsOf(secrets)).toHaveLength(4);
    expect(faultsOf(secrets).join()).not.toContain('hunter2');
  });

  it('make nothing: no secret is written while something else is wrong', () => {
    faultsOf({ PORT: 'x' });
    expect(readdirSync(root)).toEqual([]);
  });

  it.each([
    ['a passphrase', 'correct horse battery staple and so on 123'],
    ['31 bytes', Buffer.alloc(31, 7).toString('base64')],
    ['one byte repeated', Buffer.alloc(32, 7).toString('base64')],
    ['hexadecimal digits', 'ab'.repeat(32)],
  ])('a key-encryption key that is %s is refused, with the command that makes a good one', (_, key) => {
    expect(faultsOf({ KEY_ENCRYPTION_KEY: key })).toEqual([expect.stringContaining('openssl rand -base64 32')]);
  });

  it.each(['short', 'a'.repeat(40), `${COOKIE_SECRET},short`, ','])('the cookie secrets "%s" are refused', (secrets) => {
    expect(faultsOf({ COOKIE_SECRETS: secrets })).toHaveLength(1);
  });

  it.each([
    'javascript:alert(1)',
    'https://user:pw@login.example.com',
    'https://login.example.com?x=1',
    'https://login.example.com/#x',
    'login.example.com',
  ])('the issuer %s is refused', (issuer) => {
    expect(faultsOf({ ISSUER_URL: issuer })).toHaveLength(1);
  });

  it.each(['10.1', '1.2.3.4.5', '::g', '10.0.0.0/33', '::1/129', ' , ', '-1', 'true'])('"%s" trusts no proxy', (proxies) => {
    expect(faultsOf({ TRUST_PROXY: proxies })).toHaveLength(1);
  });

  it('a certificate is believed of a proxy that is named by its address, never of whoever stands one hop away', () => {
    const header = { CLIENT_CERTIFICATE_HEADER: 'X-SSL-Client-Cert' };
    expect(faultsOf({ ...header })).toHaveLength(1);
    expect(faultsOf({ ...header, TRUST_PROXY: '1' })).toHaveLength(1);
    expect(load({ ...header, TRUST_PROXY: '10.0.0.0/8' }).clientCertificateHeader).toBeTruthy();
  });

  it('proxies are trusted by their number, or by addresses and networks', () => {
    expect(load({ TRUST_PROXY: '2' }).trustProxy).toEqual({ hops: 2 });
    expect(load({ TRUST_PROXY: 'loopback, 10.0.0.0/8,fd00::/8, 192.0.2.1' }).trustProxy).toEqual({
      addresses: ['loopback', '10.0.0.0/8', 'fd00::/8', '192.0.2.1'],
    });
  });
});

describe('a secret', () => {
  const secrets = {
    KEY_ENCRYPTION_KEY: KEY,
    KEY_ENCRYPTION_KEY_PREVIOUS: Buffer.from(KEY, 'base64').reverse().toString('base64'),
    COOKIE_SECRETS: COOKIE_SECRET,
    DATABASE_URL: 'postgresql://a:b@db/latchkey',
    SMTP_URL: 'smtp://mail.example.com',
  };

  it('may come from the file that NAME_FILE names; the line end is not part of it', () => {
    expect(
      Object.values(settings)
        .flatMap(({ secret, name }) => (secret ? [name] : []))
        .sort(),
    ).toEqual(Object.keys(secrets).sort());
    const fromFiles = Object.fromEntries(
      Object.entries(secrets).map(([name, text]) => {
        writeFileSync(path.join(root, name), `${text}\n`);
        return [`${name}_FILE`, path.join(root, name)];
      }),
    );
    expect(load(fromFiles)).toEqual(load(secrets));
  });

  it('given both ways is refused, since nobody could tell which one counts', () => {
    writeFileSync(path.join(root, 'key'), KEY);
    expect(faultsOf({ KEY_ENCRYPTION_KEY: KEY, KEY_ENCRYPTION_KEY_FILE: path.join(root, 'key') })).toEqual([
      'KEY_ENCRYPTION_KEY and KEY_ENCRYPTION_KEY_FILE are both set: keep one of them',
    ]);
  });

  it('in a file that cannot be read, or holds nothing, is a fault with its mend', () => {
    writeFileSync(path.join(root, 'empty'), '\n');
    const faults = faultsOf({ KEY_ENCRYPTION_KEY_FILE: path.join(root, 'missing'), COOKIE_SECRETS_FILE: path.join(root, 'empty') });
    expect(faults).toEqual([
      expect.stringContaining('KEY_ENCRYPTION_KEY_FILE cannot be read (ENOENT)'),
      expect.stringContaining('COOKIE_SECRETS'),
    ]);
  });
});

describe('the secrets of a development installation', () => {
  it('are made once, readable by their owner only, under keys/ where there is one and in the data folder otherwise', () => {
    load({ DATA_DIR: 'data' });
    expect(readdirSync(path.join(root, 'data')).sort()).toEqual(['cookie-secrets', 'key-encryption-key']);
    rmSync(path.join(root, 'data'), { recursive: true });
    mkdirSync(path.join(root, 'keys'));
    const first = load();
    for (const name of ['cookie-secrets', 'key-encryption-key']) expect(statSync(path.join(root, 'keys', name)).mode & 0o777).toBe(0o600);
    expect(existsSync(path.join(root, 'data'))).toBe(false);
    expect(load()).toMatchObject({ keyEncryptionKey: first.keyEncryptionKey, cookieSecrets: first.cookieSecrets });
  });

  it('go on being used when a keys/ folder appears later', () => {
    const before = load();
    mkdirSync(path.join(root, 'keys'));
    expect(load().keyEncryptionKey).toEqual(before.keyEncryptionKey);
  });

  it('are made only where they are missing: a given one is used and not written', () => {
    const config = load({ KEY_ENCRYPTION_KEY: KEY });
    expect(config.keyEncryptionKey.toString('base64')).toBe(KEY);
    expect(readdirSync(path.join(root, 'data'))).toEqual(['cookie-secrets']);
  });

  it('that are damaged stop the start, instead of opening nothing', () => {
    mkdirSync(path.join(root, 'keys'));
    writeFileSync(path.join(root, 'keys', 'key-encryption-key'), '');
    expect(faultsOf({})).toEqual([expect.stringContaining('is damaged: restore it, or set KEY_ENCRYPTION_KEY')]);
  });

  it('that can be made nowhere are a fault with its mend', () => {
    writeFileSync(path.join(root, 'data'), 'a file stands where the folder should');
    expect(faultsOf({})).toEqual([expect.stringContaining('KEY_ENCRYPTION_KEY'), expect.stringContaining('make DATA_DIR writable')]);
  });

  it('are the same for processes that make them at the same moment', async () => {
    const program = path.join(root, 'load.mjs');
    const stdin = {
      contents: `import { loadConfig } from './src/config/index.ts';
        process.once('message', (at) => {
          while (Date.now() < at);
          const { keyEncryptionKey, cookieSecrets } = loadConfig({}, { root: process.argv[2] });
          process.send(keyEncryptionKey.toString('hex') + cookieSecrets, () => process.disconnect());
        });
        process.send('ready');`,
      resolveDir: path.resolve(import.meta.dirname, '../..'),
    };
    await build({ stdin, bundle: true, platform: 'node', format: 'esm', outfile: program, logLevel: 'error' });
    for (let round = 0; round < 3; round++) {
      const installation = path.join(root, `round-${round}`);
      mkdirSync(path.join(installation, 'keys'), { recursive: true });
      const children = Array.from({ length: 6 }, () => fork(program, [installation]));
      const answer = (child: ChildProcess) =>
        new Promise((resolve, reject) => child.once('message', resolve).once('exit', (code) => reject(new Error(`exit ${code}`))));
      expect(await Promise.all(children.map(answer))).toEqual(Array(6).fill('ready'));
      const answers = children.map(answer);
      const at = Date.now() + 20;
      for (const child of children) child.send(at);
      const made = await Promise.all(answers);
      expect(new Set(made).size).toBe(1);
      expect(made[0]).toMatch(/^[0-9a-f]{64}\S{44}$/);
      expect(readdirSync(path.join(installation, 'keys')).sort()).toEqual(['cookie-secrets', 'key-encryption-key']);
    }
  });
});
