import { createSecretKey } from 'node:crypto';
import type { Context } from 'koa';
import { hmacSha256, randomId, safeEqual } from '../crypto/index.js';
import { AppError } from '../errors.js';
import type { CookieNames } from './cookies.js';

/** Protects forms: a random cookie and a field that only our pages can derive from it. */
export type Csrf = {
  /** The value of the hidden field `csrf`; sets the cookie when the browser has none. */
  token(ctx: Context): string;
  /** @throws AppError `csrf.invalid` (403) */
  check(ctx: Context, field: string | undefined): void;
};

/** What randomId() makes. */
const VALUE = /^[A-Za-z0-9_-]{43}$/;
const NAME_CHARS = 6;
const MAX_COOKIES = 20;

/**
 * @param secrets cookie secrets, newest first: a form that was open while they rotated still goes through
 * @param issuerUrl the only origin whose pages may send our forms
 */
export function createCsrf({ secrets, issuerUrl, names }: { secrets: readonly string[]; issuerUrl: string; names: CookieNames }): Csrf {
  const keys = secrets.map((secret) => createSecretKey(`csrf:${secret}`, 'utf8'));
  const [newest] = keys;
  if (!newest) throw new TypeError('at least one cookie secret is needed');
  const cookie = names.host('csrf');
  // Each value has a cookie of its own name: tabs that are opened at once, all without a cookie, must not take each other's away.
  const nameOf = (value: string) => `${cookie}-${value.slice(0, NAME_CHARS)}`;
  const read = (ctx: Context): string[] =>
    ctx
      .get('Cookie')
      .split(';')
      .map((pair) => pair.trim())
      .filter((pair) => pair.startsWith(`${cookie}-`))
      .slice(0, MAX_COOKIES)
      .map((pair) => pair.slice(pair.indexOf('=') + 1))
      .filter((value) => VALUE.test(value));
  return {
    token(ctx) {
      let [value] = read(ctx);
      if (!value) {
        value = (ctx.state.csrfCookie as string | undefined) ?? randomId();
        ctx.state.csrfCookie = value;
        ctx.cookies.set(nameOf(value), value, {
          signed: false,
          httpOnly: true,
          sameSite: 'lax',
          secure: names.secure,
          path: '/',
          overwrite: true,
        });
      }
      return hmacSha256(newest, value);
    },
    check(ctx, field) {
      // Browsers say where a form came from: newer ones by Sec-Fetch-Site, older ones by Origin.
      const site = ctx.get('Sec-Fetch-Site');
      const origin = ctx.get('Origin');
      const ours = site ? site === 'same-origin' || site === 'none' : !origin || origin === issuerUrl;
      if (!ours) throw new AppError('csrf.invalid', 403, 'The form was sent from another site.');
      const values = read(ctx);
      if (values.length === 0) throw new AppError('cookies.blocked', 403, 'Your browser did not send our cookie.');
      const matches = (value: string) => keys.some((key) => safeEqual(hmacSha256(key, value), field ?? ''));
      if (!values.some(matches)) throw new AppError('csrf.invalid', 403, 'The form is out of date.');
    },
  };
}
