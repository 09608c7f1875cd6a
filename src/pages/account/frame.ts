import type { Context } from 'koa';
import type { Account } from '../../identity/index.js';
import type { AccountFrame } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import { personOf } from '../person.js';

export const SIGN_OUT_PATH = '/account/sign-out';

/** What stands around every account page. Says once what has just happened. */
export type FrameOf = (ctx: Context, account: Account) => AccountFrame;

/** @param deps.programs whether people's own programs can do anything here: only then is there a page of API keys */
export function createFrameOf({ cookies, programs }: { cookies: Pick<BrowserCookies, 'takeAccountNotice'>; programs: boolean }): FrameOf {
  return (ctx, account) => ({
    account: personOf(account),
    signOut: { action: SIGN_OUT_PATH },
    programs,
    notice: cookies.takeAccountNotice(ctx),
  });
}
