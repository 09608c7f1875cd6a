import type { Context } from 'koa';
import type { Account, Identity } from '../../identity/index.js';
import { ACCOUNT_CLIENT_ID, ACCOUNT_SIGNED_IN_PATH } from '../../oidc/account-client.js';
import type { BrowserSession, BrowserSessions } from '../../oidc/browser-session.js';
import { routes } from '../../oidc/configuration.js';
import { randomId, sha256 } from '../../platform/crypto/index.js';
import { AppError } from '../../platform/errors.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';

/** The pages somebody may be taken back to. A closed set: whatever else stands in `state` leads to the first of them. */
export const accountPaths = [
  '/account',
  '/account/profile',
  '/account/email',
  '/account/password',
  '/account/sessions',
  '/account/applications',
  '/account/api-keys',
] as const;
export type AccountPath = (typeof accountPaths)[number];

/** The page of one question that an application put to a person. Its token opens nothing by itself. */
export type QuestionPath = `/approve?token=${string}`;
const QUESTION_PATH = /^\/approve\?token=[A-Za-z0-9_-]{20,128}$/;

/** Whose pages these are, and by which session they look at them. */
export type SignedIn = { account: Account; session: BrowserSession };

/** The door of the account pages: who is signed in, the way to sign in, and the way back from there. */
export type Entrance = {
  /** Somebody who may act: signed in, and neither gone nor disabled. */
  find(ctx: Context): Promise<SignedIn | undefined>;
  /** The same, or a redirect to sign in that comes back to `path`; then undefined, and the request is answered. */
  enter(ctx: Context, path: AccountPath | QuestionPath): Promise<SignedIn | undefined>;
  /** Lets somebody sign in anew, whoever is signed in now, and come back to `path`. */
  signInAnew(ctx: Context, path: QuestionPath): void;
  /** The redirect URI of the built-in client. */
  comeBack(ctx: Context): Promise<void>;
};

export type EntranceDeps = {
  pages: PageKit;
  browserSessions: BrowserSessions;
  identity: { accounts: Pick<Identity['accounts'], 'find'> };
  issuerUrl: string;
};

export function createEntrance({ pages, browserSessions, identity, issuerUrl }: EntranceDeps): Entrance {
  /** The ordinary flow with a client of our own. Only the session it leaves behind counts; nobody keeps the verifier, so its code is of no use. */
  const signInUrl = (path: AccountPath | QuestionPath, parameters: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      client_id: ACCOUNT_CLIENT_ID,
      redirect_uri: `${issuerUrl}${ACCOUNT_SIGNED_IN_PATH}`,
      response_type: 'code',
      scope: 'openid',
      code_challenge: sha256(randomId()),
      code_challenge_method: 'S256',
      state: path,
      ...parameters,
    });
    return `${routes.authorization}?${query}`;
  };

  const find = async (ctx: Context): Promise<SignedIn | undefined> => {
    const session = await browserSessions.current(ctx.req, ctx.res);
    const account = session ? await identity.accounts.find(session.accountId) : null;
    return session && account?.status === 'active' ? { account, session } : undefined;
  };

  return {
    find,
    async enter(ctx, path) {
      const person = await find(ctx);
      if (!person) seeOther(ctx, signInUrl(path));
      return person;
    },
    signInAnew: (ctx, path) => seeOther(ctx, signInUrl(path, { prompt: 'login' })),
    async comeBack(ctx) {
      // Signed in is all that matters here: the code is not redeemed, so nothing can be slipped in with it.
      if (await find(ctx)) return seeOther(ctx, pathOf(ctx.query.state));
      const { error } = ctx.query;
      if (error === 'access_denied') return seeOther(ctx, '/');
      if (error !== undefined) throw new AppError(oauthCode(error), 400, 'You could not be signed in.');
      // The flow ended well and left no session: going round again would never end.
      pages.show(
        ctx,
        'error',
        {
          status: 400,
          code: 'cookies.blocked',
          ways: [
            { href: pathOf(ctx.query.state), label: 'try_again' },
            { href: '/', label: 'start' },
          ],
        },
        { status: 400 },
      );
    },
  };
}

const isQuestionPath = (state: unknown): state is QuestionPath => typeof state === 'string' && QUESTION_PATH.test(state);

const pathOf = (state: unknown): AccountPath | QuestionPath =>
  isQuestionPath(state) ? state : (accountPaths.find((path) => path === state) ?? '/account');

const oauthCode = (error: unknown) => `oauth.${typeof error === 'string' && /^[a-z_]{1,40}$/.test(error) ? error : 'invalid_request'}`;
