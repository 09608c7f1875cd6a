/**
 * Owns: the start page. Tells a developer what is there; in production it names the installation and the way to one's account, nothing else.
 * Does not own: what it links to.
 */
import Router from '@koa/router';
import type { Identity } from '../../identity/index.js';
import type { BrowserSessions } from '../../oidc/browser-session.js';
import { routes } from '../../oidc/configuration.js';
import type { PageKit } from '../page-kit.js';
import { personOf } from '../person.js';

export type StartPagesDeps = {
  pages: PageKit;
  browserSessions: Pick<BrowserSessions, 'current'>;
  identity: { accounts: Pick<Identity['accounts'], 'find'> };
  /** whether people may create accounts themselves */
  registration: boolean;
  /** what a developer is shown; absent in production */
  development?:
    | { issuerUrl: string; demoUrl: string | undefined; mailboxUrl: string | undefined; apiDocsUrl: string | undefined }
    | undefined;
};

export function createStartPages({ pages, browserSessions, identity, registration, development }: StartPagesDeps): Router {
  const router = new Router();
  router.get('/', async (ctx) => {
    const session = await browserSessions.current(ctx.req, ctx.res);
    const account = session ? await identity.accounts.find(session.accountId) : null;
    pages.show(ctx, 'start', {
      account: account?.status === 'active' ? personOf(account) : undefined,
      accountUrl: '/account',
      registerUrl: registration ? '/register' : undefined,
      ...(development
        ? {
            issuer: development.issuerUrl,
            demoUrl: development.demoUrl,
            mailboxUrl: development.mailboxUrl,
            discoveryUrl: '/.well-known/openid-configuration',
            jwksUrl: routes.jwks,
            apiDocsUrl: development.apiDocsUrl,
          }
        : {}),
    });
  });
  return router;
}
