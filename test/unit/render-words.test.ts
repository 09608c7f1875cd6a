import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { permissions } from '../../src/identity/index.js';
import { AppError } from '../../src/platform/errors.js';
import { english } from '../../src/render/catalogue/en/index.js';
import { linkify, safeHref } from '../../src/render/html.js';
import { createRenderer, createTexts, describeUserAgent, type Renderer, toFormErrors } from '../../src/render/index.js';
import { buildMailCases, hostileWords, plainWords } from './render-models.js';

const viewsDir = join(import.meta.dirname, '../../views');
const context = { nonce: 'n0nce' };
let renderer: Renderer;
beforeAll(() => {
  renderer = createRenderer({ brand: { name: 'Latchkey' }, viewsDir, production: true });
});

describe('texts', () => {
  it('fall back to English word by word, and know the writing direction', () => {
    const choose = createTexts([{ locale: 'ar', texts: { 'login.title': 'تسجيل الدخول' } }]);
    expect(choose('ar-EG').dir).toBe('rtl');
    expect(choose('ar-EG').t('login.title')).toBe('تسجيل الدخول');
    expect(choose('ar-EG').t('login.submit')).toBe('Sign in');
    expect(choose('fr').locale).toBe('en');
  });

  it('count', () => {
    const texts = createTexts()();
    expect(texts.t('problem.login.locked', { count: 1 })).toContain('1 minute,');
    expect(texts.t('problem.login.locked', { count: 15 })).toContain('15 minutes,');
  });

  it('refuse an unknown key and a missing value', () => {
    const texts = createTexts()();
    expect(() => texts.t('no.such' as 'login.title')).toThrow(/no\.such/);
    expect(() => texts.t('asker.continue')).toThrow(/client/);
    expect(() => texts.t('toString' as 'login.title')).toThrow();
  });

  it('take a form’s errors from an AppError, with the time to wait', () => {
    const locked = toFormErrors(new AppError('login.locked', 403, 'Locked', { retryAfterSeconds: 850 }));
    expect(renderer.page('interaction/login', { action: '/x', errors: locked, forgotUrl: '/forgot' }, context)).toContain(
      'Try again in 15 minutes',
    );
    const weak = new AppError('passwords.too_weak', 422, 'Too easy. Add a word.', {
      details: [{ path: 'password', message: 'Too easy. Add a word.' }],
    });
    const model = { action: '/register', minLength: 8, loginUrl: '/login' };
    expect(renderer.page('interaction/register', { ...model, errors: toFormErrors(weak) }, context)).toContain(
      '<a href="#password">Too easy. Add a word.</a>',
    );
    const invalid = new AppError('accounts.invalid_input', 422, 'Invalid', { details: [{ path: 'firstName', message: 'Too odd.' }] });
    expect(renderer.page('interaction/register', { ...model, errors: toFormErrors(invalid) }, context)).toContain(
      '<a href="#first_name">Too odd.</a>',
    );
  });
});

describe('mails', () => {
  it('say the same in HTML and in text: who writes, the button’s address, what if it was not you', () => {
    for (const [name, model] of Object.entries(buildMailCases(plainWords))) {
      const mail = renderer.mail(name as 'email-test', model as { email: string; url: string });
      expect(mail.subject, name).toContain(name === 'email-test' ? 'test mail' : 'Latchkey');
      for (const body of [mail.html, mail.text]) {
        expect(body, name).toContain('http://localhost:3000/verify?token=4qV2m0b6X1rT8yKcZ5nW3aEoH7uJ9sLd');
        expect(body, name).toContain('ada@example.com');
        expect(body, name).not.toMatch(/undefined|\{[a-z]+\}(?!\s*:)/);
      }
      expect(mail.html, name).not.toMatch(/<img|<script|src=/);
    }
  });

  it('show hostile words as text and keep headers to one line', () => {
    for (const [name, model] of Object.entries(buildMailCases(hostileWords))) {
      const mail = renderer.mail(name as 'email-test', model as { email: string; url: string });
      expect(mail.html, name).not.toMatch(/<script>|<img/);
    }
    const odd = createRenderer({ brand: { name: 'A\r\nBcc: eve@example.com' }, viewsDir, production: true });
    expect(odd.mail('email-test', { email: 'ada@example.com', url: 'http://localhost:3000/' }).subject).toBe(
      'A test mail from A Bcc: eve@example.com',
    );
  });

  it('to an unconfirmed address carry no name, since whoever registered chose it', () => {
    const { 'verify-email': verify, 'password-changed': changed } = buildMailCases({ ...plainWords, person: 'Win at www.evil.example' });
    const { 'verify-email': plain, 'password-changed': greeted } = buildMailCases(plainWords);
    expect(renderer.mail('verify-email', verify).text).not.toContain('evil');
    expect(renderer.mail('verify-email', plain).text).not.toContain('Ada');
    expect(renderer.mail('password-changed', changed).text).not.toContain('evil');
    expect(renderer.mail('password-changed', greeted).text).toContain('Hello Ada Lovelace,');
  });
});

describe('addresses and devices', () => {
  it('lead to our own paths or to http(s), else nowhere', () => {
    for (const good of ['/account', '?page=2', '#email', 'https://shop.example/x', 'http://127.0.0.1:4000/'])
      expect(safeHref(good)).toBe(good);
    for (const bad of ['//evil.example', '/\\evil.example', 'javascript:alert(1)', 'data:text/html,x', 'account', ''])
      expect(safeHref(bad)).toBe('#');
  });

  it('in plain text become links without letting markup through', () => {
    expect(String(linkify('See http://localhost:3000/x?a=1&b=2 <b>'))).toBe(
      'See <a href="http://localhost:3000/x?a=1&amp;b=2">http://localhost:3000/x?a=1&amp;b=2</a> &lt;b&gt;',
    );
  });

  it('have words for every permission', () => {
    expect(permissions.filter((permission) => !(`permission.${permission}` in english))).toEqual([]);
  });

  it('are told in words', () => {
    const chrome = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36';
    expect(describeUserAgent(chrome)).toEqual({ browser: 'Chrome', system: 'Windows' });
    expect(describeUserAgent(`${chrome} Edg/142.0.0.0`)).toEqual({ browser: 'Edge', system: 'Windows' });
    expect(describeUserAgent('x'.repeat(100_000))).toEqual({ browser: undefined, system: undefined });
    expect(describeUserAgent(undefined)).toEqual({ browser: undefined, system: undefined });
  });
});
