import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.js';
import { settings } from '../../src/config/settings.js';
import { ensureBuilt, runNode } from '../support/built.js';

const root = path.resolve(import.meta.dirname, '../..');
const script = path.join(root, 'scripts', 'docs.mjs');

type Docs = {
  settingsTables(definitions: object): string;
  environmentExample(definitions: object): string;
  withTables(readme: string, tables: string): string;
};
const docs = (await import(script)) as Docs;

describe('what is generated from the settings', () => {
  beforeAll(ensureBuilt);

  it('agrees with them: README.md and .env.example are up to date', async () => {
    expect(await runNode([script, '--check'])).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('names every setting once in each', () => {
    const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
    const example = readFileSync(path.join(root, '.env.example'), 'utf8');
    for (const { name } of Object.values(settings)) {
      expect(readme.split(`| \`${name}\``), name).toHaveLength(2);
      expect(example.split(`\n#${name}=`), name).toHaveLength(2);
    }
  });

  it('is an environment that changes nothing when every line is taken as it stands', () => {
    const lines = readFileSync(path.join(root, '.env.example'), 'utf8').matchAll(/^#([A-Z_]+)="?(.*?)"?$/gm);
    const environment = Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
    const secrets = {
      KEY_ENCRYPTION_KEY: Buffer.from('Vq7rT2mXw9LpZ4kHs8BnY6dJc3FgR5tQ').toString('base64'),
      COOKIE_SECRETS: 'a secret for tests that is long enough',
    };
    expect(loadConfig({ ...environment, ...secrets })).toEqual(loadConfig(secrets));
  });
});

describe('the tables', () => {
  it('go between the markers and leave the rest alone', () => {
    const readme = 'before\n<!-- settings:begin -->\nold\n<!-- settings:end -->\nafter\n';
    const written = docs.withTables(readme, 'new');
    expect(written).toBe('before\n<!-- settings:begin -->\nnew\n<!-- settings:end -->\nafter\n');
    expect(docs.withTables(written, 'new')).toBe(written);
    expect(() => docs.withTables('no markers', 'new')).toThrow('must hold <!-- settings:begin -->');
  });

  it('follow the settings: another default or meaning is another text, and a bar in it breaks no table', () => {
    const one = { a: { name: 'A', group: 'Server', meaning: 'this | that', fallback: '1', secret: true } };
    expect(docs.settingsTables(one)).toContain('| `A` * | `1` | this \\| that |');
    expect(docs.settingsTables({ a: { ...one.a, fallback: '2' } })).not.toBe(docs.settingsTables(one));
    expect(docs.environmentExample(one)).toContain('\n# this | that\n#A=1\n');
  });
});

describe('the decisions', () => {
  it('are counted from 1 on, each number once', () => {
    const numbers = [...readFileSync(path.join(root, 'DECISIONS.md'), 'utf8').matchAll(/^## (\d+)\. /gm)].map(([, number]) =>
      Number(number),
    );
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });
});

it('the table of what it speaks names test files that are there', () => {
  const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
  const [, table = ''] = /## What it speaks\n([\s\S]*?)\n##/.exec(readme) ?? [];
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !/^\| (---|part)/.test(line));
  expect(rows.length).toBeGreaterThan(30);
  for (const row of rows) {
    const files = row.split(' | ').at(-1)?.replace(/ \|$/, '').split(', ') ?? [];
    // A name without a folder is in that of the one before it.
    let folder = '';
    for (const file of files) {
      if (file.includes('/')) folder = path.dirname(file);
      const found = path.join(root, file.includes('/') ? file : path.join(folder, file));
      expect(existsSync(found) && found.endsWith('.test.ts'), `${row.slice(0, 60)}: ${file}`).toBe(true);
    }
  }
});
