import { describe, expect, it } from 'vitest';
import { waysOn } from '../../src/pages/ways-on.js';

const first = (code: string, path: string): string | undefined => waysOn(code, path)?.[0]?.href;

describe('ways on from an error page', () => {
  it('lead from a dead mail link to a new one, and from a used one to the sign-in', () => {
    expect(first('token.expired', '/reset')).toBe('/forgot');
    expect(first('token.unknown', '/register/verify')).toBe('/register');
    expect(first('token.already_used', '/reset')).toBe('/account');
    expect(first('token.expired', '/email/confirm')).toBe('/account/email');
    expect(first('email_change.taken', '/email/confirm')).toBe('/account/email');
  });

  it('lead from a refused form back to its page, never to the POST itself', () => {
    expect(first('csrf.invalid', '/interaction/abcDEF_-123/login')).toBe('/interaction/abcDEF_-123');
    expect(first('cookies.blocked', '/account/sessions/end-others')).toBe('/account/sessions');
    expect(first('request.too_large', '/register/resend')).toBe('/register');
    expect(first('recovery.rate_limited', '/forgot')).toBe('/forgot');
    expect(first('csrf.invalid', '/account/api-keys/revoke')).toBe('/account/api-keys');
  });

  it('lead nowhere a stranger could have written', () => {
    expect(waysOn('csrf.invalid', '//evil.example/interaction/x')).toBeUndefined();
    expect(waysOn('csrf.invalid', '/interaction/"><script>')).toBeUndefined();
    expect(waysOn('not_found', '/interaction/abc/login')).toBeUndefined();
  });
});
