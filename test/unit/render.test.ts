import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { english } from '../../src/render/catalogue/en/index.js';
import { createRenderer, type Renderer, type Views } from '../../src/render/index.js';
import { buildViewCases, hostileWords, plainWords, type Words } from './render-models.js';

const viewsDir = join(import.meta.dirname, '../../views');
const context = { nonce: 'n0nce', csrfToken: 'csrf-token', requestId: 'req-1' };

const templates = readdirSync(viewsDir, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ejs'));
const sources = new Map(templates.map((file) => [file, readFileSync(join(viewsDir, file), 'utf8')]));
const code = readdirSync(join(viewsDir, '../src/render'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(viewsDir, '../src/render', file), 'utf8'));

let renderer: Renderer;
beforeAll(() => {
  renderer = createRenderer({ brand: { name: 'Latchkey' }, viewsDir, production: true });
});

/** Every view with its least and its most. */
function eachPage(words: Words, client = { name: words.client, logoUri: words.url, uri: words.url, trusted: true }): [string, string][] {
  const pages: [string, string][] = [];
  for (const [view, cases] of Object.entries(buildViewCases(words))) {
    const name = view as keyof Views;
    pages.push([`${view}, minimal`, renderer.page(name, cases.minimal as Views[typeof name], { nonce: 'n0nce' })]);
    pages.push([`${view}, maximal`, renderer.page(name, cases.maximal as Views[typeof name], { ...context, client })]);
    pages.push([
      `${view}, unverified`,
      renderer.page(name, cases.maximal as Views[typeof name], { ...context, client: { ...client, trusted: false } }),
    ]);
  }
  return pages;
}

describe('pages', () => {
  it('render with as little and as much as they may be given', () => {
    for (const [name, html] of eachPage(plainWords)) {
      expect(html, name).toMatch(/^<!doctype html>\n<html lang="en" dir="ltr">/);
      expect(html, name).toContain('</html>');
      expect(html.match(/<h1/g), name).toHaveLength(1);
      expect(html, name).not.toMatch(/undefined|\[object|NaN|\{[a-z]+\}/);
    }
  });

  it('show hostile words as text and follow no hostile address', () => {
    for (const [name, html] of eachPage(hostileWords)) {
      expect(html, name).not.toMatch(/<script>|<img src=x|<%/);
      expect(html, name).not.toMatch(/(href|src|action)="\s*(javascript|data|vbscript):/i);
      // every quote of an attacker is an entity, so no attribute of theirs can open
      expect(html.replaceAll(/&lt;img src=x onerror=/g, ''), name).not.toMatch(/\son[a-z]+=/i);
    }
  });

  it('carry no inline script and no inline style, and give the script its nonce', () => {
    for (const [name, html] of eachPage(plainWords)) {
      expect(html, name).not.toMatch(/<style|\sstyle="/);
      for (const script of html.match(/<script[^>]*>[^<]*/g) ?? []) expect(script, name).toMatch(/src="\/assets\/.*nonce="n0nce" defer>$/);
    }
  });

  it('ask no other host for anything, an application’s logo apart, and that only when it is trusted', () => {
    for (const [name, html] of eachPage(plainWords)) {
      const foreign = (html.match(/(?:src|href)="https?:[^"]*"/g) ?? []).filter((found) => found.startsWith('src'));
      if (name.endsWith('maximal')) expect(new Set(foreign).size, name).toBeLessThanOrEqual(1);
      else if (!name.startsWith('account/applications')) expect(foreign, name).toEqual([]);
    }
  });

  it('put the CSRF token into every form, but not into one that may go to an application', () => {
    for (const [name, html] of eachPage(plainWords)) {
      if (name.endsWith('minimal')) continue;
      const forms = html.match(/<form[\s\S]*?<\/form>/g) ?? [];
      for (const form of forms) {
        if (/ data-(forward|onward)/.test(form)) expect(form, name).not.toContain('csrf');
        else expect(form, name).toContain('<input type="hidden" name="csrf" value="csrf-token">');
      }
    }
  });

  it('tell an error in the title, in a summary that links to the field, and at the field', () => {
    const html = renderer.page(
      'interaction/register',
      {
        action: '/register',
        minLength: 8,
        loginUrl: '/login',
        email: 'ada@',
        errors: [{ code: 'registration.invalid_email', field: 'email' }],
      },
      context,
    );
    expect(html).toContain('<title>Error: Create your account – Latchkey</title>');
    expect(html).toContain('<a href="#email">Enter an email address like name@example.com.</a>');
    expect(html).toMatch(/<input id="email"[^>]* value="ada@"[^>]* aria-invalid="true" aria-describedby="email-hint email-error"/);
  });

  it('write each button in one piece, which wraps as a sentence does', () => {
    for (const [name, html] of eachPage(plainWords)) {
      for (const [, words = ''] of html.matchAll(/<(?:a|button)[^>]* class="button[^>]*>([\s\S]*?)<\/(?:a|button)>/g)) {
        // The button is a flex box: text beside an element, or two elements, would be columns of their own.
        expect(words.trim(), name).toMatch(/^(<span>.*<\/span>|[^<]+)$/s);
      }
    }
  });

  it('never send a password back', () => {
    for (const [name, html] of eachPage(plainWords)) {
      for (const input of html.match(/<input[^>]*type="password"[^>]*>/g) ?? []) expect(input, name).not.toMatch(/\svalue=/);
    }
  });

  it('name the application that asks', () => {
    const client = { name: 'Demo Shop', trusted: false, logoUri: 'https://shop.example/logo.png' };
    const html = renderer.page('interaction/login', { action: '/x' }, { ...context, client });
    expect(html).toContain('<title>Sign in to continue to Demo Shop – Latchkey</title>');
    expect(html).toContain('to continue to <strong><bdi>Demo Shop</bdi></strong>');
    expect(html).not.toContain('logo.png');
    expect(renderer.page('interaction/login', { action: '/x' }, { ...context, client: { ...client, trusted: true } })).toContain(
      'logo.png',
    );
  });

  it('tell an unverified application apart: who it says it is, its id, where it leads', () => {
    const { maximal } = buildViewCases(plainWords)['interaction/consent'];
    const html = renderer.page(
      'interaction/consent',
      { ...maximal, clientId: 'abc', redirectHost: 'evil.example' },
      { ...context, client: { name: 'Bank', trusted: false } },
    );
    expect(html).toContain(english['consent.unverified_title']);
    expect(html).toContain('<bdi>evil.example</bdi>');
    expect(html).toContain('<bdi>abc</bdi>');
    expect(html).toContain(english['consent.asked_again']);
  });

  it('tell every known error in sentences of its own, and any other one too', () => {
    const codes = Object.keys(english).filter((key) => key.startsWith('error.') && key.endsWith('.title'));
    const titles = codes.map((key) => {
      const html = renderer.page('error', { status: 400, code: key.slice('error.'.length, -'.title'.length) }, context);
      expect(html).toContain('req-1');
      return /<h1>(.*?)<\/h1>/.exec(html)?.[1];
    });
    expect(new Set(titles).size).toBeGreaterThan(codes.length - 2);
    expect(renderer.page('error', { status: 418, code: 'no.such', message: 'I am a teapot' }, context)).toContain('I am a teapot');
    expect(renderer.page('error', { status: 500, code: 'no.such', message: 'secret cause' }, context)).not.toContain('secret cause');
  });
});

describe('templates', () => {
  it('never put anything out unescaped', () => {
    for (const [file, source] of sources) expect(source, file).not.toContain('<%-');
  });

  it('use only texts that exist, and every text is used', () => {
    const everything = [...sources.values(), ...code].join('\n');
    const named = [
      ...everything.matchAll(/\b(?:t|rich)\(\s*'([\w.]+)'/g),
      ...everything.matchAll(/\bt\([^)']*\? '([\w.]+)' : '([\w.]+)'/g),
    ];
    const keys = named.flatMap(([, ...found]) => found);
    expect(keys.length).toBeGreaterThan(100);
    expect(keys.filter((key) => !(key in english))).toEqual([]);
    const computed = /^(problem|error|scope|claim|permission|notice|mail|account\.nav_|form\.strength_|check\.(verify|reset)$)/;
    expect(Object.keys(english).filter((key) => !computed.test(key) && !everything.includes(`'${key}'`))).toEqual([]);
  });

  it('that are broken stop the start, not a request', () => {
    expect(() => createRenderer({ brand: { name: 'X' }, viewsDir: tmpdir(), production: true })).toThrow();
    expect(() => createRenderer({ brand: { name: 'X', logo: '/etc/passwd' }, viewsDir, production: true })).toThrow(/logo/);
    expect(() => createRenderer({ brand: { name: 'X', color: 'red' }, viewsDir, production: true })).toThrow(/colour/);
  });
});
