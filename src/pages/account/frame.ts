import type { Context } from 'koa';
import type { Account } from '../../identity/index.js';
import type { AccountFrame } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import { personOf } from '../person.js';

export const SIGN_OUT_PATH = '/account/sign-out';

/** What stands around every account page. Says once what has just happened. */
export function frameOf(ctx: Context, account: Account, cookies: Pick<BrowserCookies, 'takeAccountNotice'>): AccountFrame {
  return { account: personOf(account), signOut: { action: SIGN_OUT_PATH }, notice: cookies.takeAccountNotice(ctx) };
}
