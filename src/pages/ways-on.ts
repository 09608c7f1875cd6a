import type { ErrorWay } from '../render/index.js';

const start: ErrorWay = { href: '/', label: 'start' };

/** The page a refused request came from, as far as its path tells: where the person can try once more. Never the request itself, which may have been a POST. */
function pageOf(path: string): string | undefined {
  const interaction = /^\/interaction\/[A-Za-z0-9_-]{1,64}(?=\/|$)/.exec(path)?.[0];
  const account = /^\/account(\/(profile|email|password|sessions|applications|api-keys))?(?=\/|$)/.exec(path)?.[0];
  return interaction ?? account ?? /^\/(register|forgot|device)(?=\/|$)/.exec(path)?.[0];
}

/** Ways on from an error page: what is likeliest to help first. Undefined: the page's own default (back to the application, or the start page). */
export function waysOn(code: string, path: string): readonly ErrorWay[] | undefined {
  // Another address is asked for, and a link to it made anew, by who is signed in.
  if (path.startsWith('/email/') && /^(token|email_change)\./.test(code)) return [{ href: '/account/email', label: 'account' }, start];
  if (code.startsWith('token.')) {
    const again: ErrorWay = path.startsWith('/reset') ? { href: '/forgot', label: 'forgot' } : { href: '/register', label: 'register' };
    const signIn: ErrorWay = { href: '/account', label: 'sign_in' };
    return code === 'token.already_used' ? [signIn, again] : [again, signIn];
  }
  if (code === 'registration.closed' || code === 'oauth.logout_failed') return [{ href: '/account', label: 'account' }, start];
  if (code.startsWith('device.')) return [{ href: '/device', label: 'device' }, start];
  if (code.startsWith('approval.')) return [{ href: '/account/applications', label: 'account' }, start];
  if (code === 'api_keys.not_found') return [{ href: '/account/api-keys', label: 'back' }, start];
  const page = pageOf(path);
  const again = /^(csrf|cookies|request)\.|busy$|unavailable$|^server_error$|rate_limited$/.test(code);
  return again && page ? [{ href: page, label: 'try_again' }, start] : undefined;
}
