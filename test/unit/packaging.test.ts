import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/index.js';
import { settings } from '../../src/config/settings.js';

const root = path.resolve(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(path.join(root, name), 'utf8');
const linesOf = (name: string) =>
  read(name)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

type Service = {
  image: string;
  user?: string;
  ports?: string[];
  environment: Record<string, string>;
  secrets: string[];
  networks: string[];
  healthcheck?: unknown;
  read_only: boolean;
  privileged?: boolean;
  cap_drop: string[];
  cap_add?: string[];
  security_opt: string[];
};
type Compose = {
  services: Record<string, Service>;
  secrets: Record<string, { file: string }>;
  networks: Record<string, { internal: boolean }>;
};

/** The instructions of the Dockerfile, continued lines joined. */
const instructions = linesOf('Dockerfile')
  .join('\n')
  .replaceAll(/\\\n\s*/g, ' ')
  .split('\n')
  .map((line) => ({ name: line.split(' ')[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }));
const last = (name: string) => instructions.findLast((instruction) => instruction.name === name)?.rest ?? '';
const isHostless = (image: string) => !image.includes('/');

describe('the image', () => {
  test('runs as a user that is not root, named by number', () => {
    const [user, group] = last('USER').split(':').map(Number);
    expect(user).toBeGreaterThan(0);
    expect(group).toBeGreaterThan(0);
    const order = instructions.map(({ name }) => name);
    expect(order.lastIndexOf('USER')).toBeGreaterThan(order.lastIndexOf('COPY'));
  });

  test('knows how to tell whether it lives, with what is in it', () => {
    const command: string[] = JSON.parse(last('HEALTHCHECK').replace(/^.*? CMD /, ''));
    expect(command.slice(0, 2)).toEqual(['node', '-e']);
    expect(command[2]).toContain('/livez');
    // Compiles, which nothing else would tell before a container runs.
    expect(() => new Function(command[2] ?? '')).not.toThrow();
  });

  test('is in production mode, listens to the outside, writes to /data alone, and holds memory as npm start does', () => {
    const environment = Object.fromEntries(
      last('ENV')
        .split(/\s+/)
        .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    );
    expect(environment).toMatchObject(JSON.parse(read('scripts/process-environment.json')));
    expect(environment).toMatchObject({ LATCHKEY_ENV: 'production', HOST: '0.0.0.0', DATA_DIR: '/data' });
    expect(JSON.parse(last('VOLUME'))).toEqual(['/data']);
    expect(JSON.parse(last('CMD'))).toEqual(['node', 'dist/main.js']);
  });

  test('holds no secret: none is built in, none can be passed to its build', () => {
    expect(instructions.some(({ name }) => name === 'ARG')).toBe(false);
    const secretNames = Object.values(settings)
      .filter((setting) => setting.secret)
      .map((setting) => setting.name);
    for (const name of secretNames) expect(read('Dockerfile')).not.toContain(name);
  });

  test('gets its files from the first stage, and only what runs', () => {
    const stage = instructions.findLastIndex(({ name }) => name === 'FROM');
    const copies = instructions.slice(stage).filter(({ name }) => name === 'COPY');
    const sources = copies.map(({ rest }) => rest.match(/^--from=build \/app\/(\S+) /)?.[1]);
    expect(sources.sort()).toEqual(['dist', 'node_modules', 'package.json', 'prisma', 'views']);
  });

  test('is built from a context that names what may enter, so secrets, data and history never do', () => {
    const [first, ...rules] = linesOf('.dockerignore');
    expect(first).toBe('*');
    const allowed = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
    expect(allowed.sort()).toEqual(['.npmrc', 'package-lock.json', 'package.json', 'prisma', 'scripts', 'src', 'tsconfig.json', 'views']);
    for (const name of ['keys', 'data', 'secrets', '.env', '.git', 'node_modules', 'dist']) expect(allowed).not.toContain(name);
    expect(rules.indexOf('**/.env')).toBeGreaterThan(rules.findLastIndex((rule) => rule.startsWith('!')));
  });

  test('names base images without a registry', () => {
    for (const { name, rest } of instructions) if (name === 'FROM') expect(isHostless(rest.split(' ')[0] ?? '')).toBe(true);
  });
});

describe('compose.yaml', () => {
  const compose: Compose = parse(read('compose.yaml'));
  const { latchkey, postgres } = compose.services as { latchkey: Service; postgres: Service };

  test.each(Object.keys(compose.services))('%s is read-only, without capabilities, and cannot gain any', (name) => {
    const service = compose.services[name] as Service;
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.cap_add).toBeUndefined();
    expect(service.privileged).toBeUndefined();
    expect(service.security_opt).toContain('no-new-privileges:true');
    expect(isHostless(service.image)).toBe(true);
  });

  test('the database is reached by the server alone', () => {
    expect(postgres.ports).toBeUndefined();
    expect(postgres.networks).toEqual(['database']);
    expect(compose.networks.database?.internal).toBe(true);
    expect(postgres.user).not.toMatch(/^0|root/);
    expect(postgres.healthcheck).toBeDefined();
  });

  test('the server is published to this machine only', () => {
    expect(latchkey.ports).toEqual(['127.0.0.1:3000:3000']);
  });

  test('no secret stands in the file: each comes as a file of a folder that git and the image never see', () => {
    for (const service of Object.values(compose.services)) {
      for (const [name, value] of Object.entries(service.environment)) {
        if (/SECRET|PASSWORD|KEY|DATABASE_URL|SMTP_URL/.test(name)) expect(name).toMatch(/_FILE$/);
        if (name.endsWith('_FILE')) expect(service.secrets).toContain(value.replace('/run/secrets/', ''));
      }
    }
    for (const [name, { file }] of Object.entries(compose.secrets)) expect(file).toBe(`./secrets/${name}`);
    expect(linesOf('.gitignore')).toContain('secrets/');
  });

  test('production accepts the settings it gives', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-packaging-'));
    try {
      const values: Record<string, string> = {
        database_url: 'postgresql://latchkey:x@postgres:5432/latchkey',
        key_encryption_key: Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64'),
        cookie_secrets: 'a cookie secret that is long enough to be accepted',
        smtp_url: 'smtps://user:password@mail.example.com',
      };
      const environment: Record<string, string> = { LATCHKEY_ENV: 'production', HOST: '0.0.0.0', PORT: '3000', DATA_DIR: folder };
      for (const [name, value] of Object.entries(latchkey.environment)) environment[name] = value.replace('/run/secrets', folder);
      Object.assign(environment, { ISSUER_URL: 'https://login.example.com', MAIL_FROM: 'Example <login@example.com>' });
      for (const name of latchkey.secrets) writeFileSync(path.join(folder, name), `${values[name]}\n`);
      const config = loadConfig(environment, { root: folder });
      expect(config).toMatchObject({ env: 'production', databaseUrl: values.database_url, smtpUrl: values.smtp_url, demo: false });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('every name it sets is a setting', () => {
    const known = Object.values(settings).flatMap(({ name, secret }) => (secret ? [`${name}_FILE`] : [name]));
    for (const name of Object.keys(latchkey.environment)) expect(known).toContain(name);
  });
});

describe('the lockfile', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as {
    packages: Record<string, { resolved?: string; integrity?: string; optionalDependencies?: Record<string, string> }>;
  };

  test('names no address to fetch from, so that every registry will do, and a checksum for every package', () => {
    for (const [name, entry] of Object.entries(packages)) {
      if (name === '') continue;
      expect(entry.resolved, name).toBeUndefined();
      expect(entry.integrity, name).toMatch(/^sha512-/);
    }
  });

  test('holds the builds for every platform that its packages name, without which `npm ci` refuses to run', () => {
    const held = new Set(Object.keys(packages).map((location) => location.replace(/^.*node_modules\//, '')));
    const missing = Object.values(packages)
      .flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
      .filter((name) => !held.has(name));
    expect(missing).toEqual([]);
  });
});
