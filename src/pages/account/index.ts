/**
 * Owns: the pages on which people look after their own account: name, password, where they are signed in, which applications have access,
 * API keys, signing out. Who comes without being signed in goes through the ordinary flow and comes back.
 * Does not own: the rules (identity, oidc/sessions, oidc/grants), signing in (pages/interaction).
 */
import Router from '@koa/router';
import type { Identity } from '../../identity/index.js';
import { ACCOUNT_SIGNED_IN_PATH } from '../../oidc/account-client.js';
import type { BrowserSessions } from '../../oidc/browser-session.js';
import type { Sessions } from '../../oidc/sessions/index.js';
import type { Audit } from '../../platform/audit/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { PageKit } from '../page-kit.js';
import { createApiKeysPage } from './api-keys.js';
import { type ApplicationsPageDeps, createApplicationsPage } from './applications.js';
import { createEmailPage } from './email.js';
import { createEntrance } from './entrance.js';
import { createFrameOf, SIGN_OUT_PATH } from './frame.js';
import { createPasswordPage } from './password.js';
import { createProfilePage } from './profile.js';
import { createSessionsPage } from './sessions.js';
import { createSignOut } from './sign-out.js';

export { createEntrance, type Entrance } from './entrance.js';

export type AccountPagesDeps = {
  pages: PageKit;
  cookies: BrowserCookies;
  browserSessions: BrowserSessions;
  identity: Pick<Identity, 'accounts' | 'passwordChange' | 'emailChange' | 'apiKeys' | 'roles'>;
  sessions: Pick<Sessions, 'list' | 'end' | 'endAll'>;
  audit: Pick<Audit, 'record'>;
  issuerUrl: string;
  passwordMinLength: number;
  /** whether people's own programs can do anything here: only then are there API keys */
  programs: boolean;
  mailboxUrl: string | undefined;
} & Pick<ApplicationsPageDeps, 'grants' | 'consents' | 'findClient' | 'findResource'>;

export function createAccountPages(deps: AccountPagesDeps): Router {
  const { pages, identity, sessions } = deps;
  const entrance = createEntrance({ ...deps, identity });
  const frameOf = createFrameOf(deps);
  const shared = { ...deps, entrance, frameOf };
  const signOut = createSignOut(deps);
  const profile = createProfilePage(shared);
  const password = createPasswordPage(shared);
  const sessionsPage = createSessionsPage({ ...shared, signOut });
  const applications = createApplicationsPage(shared);
  const email = createEmailPage(shared);
  const router = new Router();

  router.get('/account', async (ctx) => {
    const person = await entrance.enter(ctx, '/account');
    if (!person) return;
    const { account } = person;
    const [list, applicationCount] = await Promise.all([sessions.list(account.id), applications.count(account.id)]);
    pages.show(ctx, 'account/overview', {
      ...frameOf(ctx, account),
      username: account.username ?? undefined,
      emailVerified: account.emailVerifiedAt !== null,
      passwordSetAt: account.passwordSetAt ?? undefined,
      sessionCount: list.length,
      applicationCount,
      memberSince: account.createdAt,
    });
  });
  router.get(ACCOUNT_SIGNED_IN_PATH, (ctx) => entrance.comeBack(ctx));
  router.get('/account/profile', (ctx) => profile.get(ctx));
  router.post('/account/profile', (ctx) => profile.post(ctx));
  router.get('/account/email', (ctx) => email.get(ctx));
  router.post('/account/email', (ctx) => email.post(ctx));
  router.post('/account/email/cancel', (ctx) => email.cancel(ctx));
  router.get('/account/password', (ctx) => password.get(ctx));
  router.post('/account/password', (ctx) => password.post(ctx));
  router.get('/account/sessions', (ctx) => sessionsPage.get(ctx));
  router.post('/account/sessions/end', (ctx) => sessionsPage.end(ctx));
  router.post('/account/sessions/end-others', (ctx) => sessionsPage.endOthers(ctx));
  router.get('/account/applications', (ctx) => applications.get(ctx));
  router.post('/account/applications/remove', (ctx) => applications.remove(ctx));
  if (deps.programs) {
    const apiKeys = createApiKeysPage(shared);
    router.get('/account/api-keys', (ctx) => apiKeys.get(ctx));
    router.post('/account/api-keys', (ctx) => apiKeys.create(ctx));
    router.get('/account/api-keys/revoke', (ctx) => apiKeys.confirm(ctx));
    router.post('/account/api-keys/revoke', (ctx) => apiKeys.revoke(ctx));
  }
  router.post(SIGN_OUT_PATH, async (ctx) => {
    await pages.form(ctx);
    const session = await deps.browserSessions.current(ctx.req, ctx.res);
    await signOut(ctx, session && { session });
  });
  return router;
}
