/**
 * Owns: the pages between an authorization request and its answer: sign-in and consent. Each ends by handing back to oidc-provider, which
 * decides what comes next; pages never call each other. Does not own: whether a password is right (identity/login), what a grant holds (oidc).
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Identity } from '../../identity/index.js';
import type { Interactions } from '../../oidc/interactions.js';
import { now } from '../../platform/clock.js';
import { AppError } from '../../platform/errors.js';
import { allowFormAction } from '../../platform/http/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import { askingClient, type FindClient } from '../client-view.js';
import type { PageKit } from '../page-kit.js';
import { type ConsentPageDeps, createConsentPage } from './consent.js';
import { createLoginPage } from './login.js';

const JUST_BEGUN_MS = 15_000;

export type InteractionPagesDeps = {
  pages: PageKit;
  interactions: Interactions;
  findClient: FindClient;
  identity: Pick<Identity, 'login' | 'accounts' | 'signInTickets'>;
  cookies: BrowserCookies;
  registration: boolean;
} & Pick<ConsentPageDeps, 'consents' | 'findResource' | 'describeDetails' | 'audit'>;

export function createInteractionPages(deps: InteractionPagesDeps): Router {
  const router = new Router({ prefix: '/interaction/:uid' });
  const login = createLoginPage(deps);
  const consent = createConsentPage(deps);

  /** Why there is no cookie of this interaction: it is long over, it was begun elsewhere, or the browser keeps none. */
  const withoutCookie = async (ctx: Context & { params: Record<string, string> }, error: unknown): Promise<AppError | undefined> => {
    if (!(error instanceof AppError) || error.code !== 'interaction.wrong_browser') return undefined;
    const open = await deps.interactions.peek(ctx.params.uid ?? '');
    if (!open) return new AppError('interaction.expired', 400, 'This sign-in is no longer open.', { cause: error });
    // The redirect that set the cookie led straight here, and nothing came back.
    const justBegun = now() - open.startedAt.getTime() < JUST_BEGUN_MS;
    return justBegun && !ctx.get('Cookie')
      ? new AppError('cookies.blocked', 400, 'Your browser did not keep our cookie.', { cause: error })
      : undefined;
  };

  /** The interaction of this address, if this browser began it. */
  const load = async (ctx: Context & { params: Record<string, string> }) => {
    const details = await deps.interactions.get(ctx.req, ctx.res).catch(async (error) => {
      throw (await withoutCookie(ctx, error)) ?? error;
    });
    // The cookie names the interaction; an address of another one is a mix-up of tabs, or somebody's link.
    if (details.uid !== ctx.params.uid)
      throw new AppError('interaction.wrong_browser', 400, 'This sign-in belongs to another tab or browser.');
    allowFormAction(ctx, details.redirectUri);
    return { details, client: await deps.findClient(details.clientId) };
  };

  router.get('/', async (ctx) => {
    const { details, client } = await load(ctx);
    // Answered, and then the way on was lost: a reload, or the Back button before the next page came.
    if (details.goesOnAt) return ctx.redirect(details.goesOnAt);
    if (details.prompt === 'consent' && ctx.query.switch === undefined) return consent.show(ctx, details, client);
    const holder = details.prompt === 'login' ? await deps.cookies.takeTicket(ctx, deps.identity.signInTickets) : undefined;
    if (holder) {
      const answered = await deps.interactions
        .finishLogin(ctx.req, ctx.res, { ...holder, remember: false, amr: ['pwd'] })
        .catch((error: unknown) => {
          // A ticket of before everything was ended is none: the person signs in as everybody does.
          if (error instanceof AppError && error.code === 'login.superseded') return undefined;
          throw error;
        });
      if (answered) return ctx.redirect(answered.next);
    }
    return login.show(ctx, details, client);
  });
  router.post('/login', async (ctx) => {
    const { details, client } = await load(ctx);
    return login.submit(ctx, details, client);
  });
  router.post('/consent', async (ctx) => {
    const { details, client } = await load(ctx);
    return consent.submit(ctx, details, client);
  });
  router.post('/switch', async (ctx) => {
    const { details } = await load(ctx);
    await deps.pages.form(ctx);
    ctx.status = 303;
    ctx.redirect(`/interaction/${details.uid}?switch=1`);
  });
  router.post('/cancel', async (ctx) => {
    await load(ctx);
    await deps.pages.form(ctx);
    ctx.status = 303;
    ctx.redirect((await deps.interactions.cancel(ctx.req, ctx.res)).next);
  });
  return router;
}

export { askingClient };
