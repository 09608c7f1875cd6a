import type { Context } from 'koa';
import type { Identity } from '../../identity/index.js';
import type { InteractionDetails, Interactions } from '../../oidc/interactions.js';
import { AppError } from '../../platform/errors.js';
import { type LoginView, toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import { askingClient, type ClientSummary } from '../client-view.js';
import type { PageKit } from '../page-kit.js';

/** An identifier longer than this is nobody's; it is cut before it is shown again. */
const MAX_IDENTIFIER_CHARS = 254;

type LoginPageDeps = {
  pages: PageKit;
  interactions: Interactions;
  identity: Pick<Identity, 'login'>;
  cookies: BrowserCookies;
  registration: boolean;
};

export function createLoginPage({ pages, interactions, identity, cookies, registration }: LoginPageDeps) {
  const model = (details: InteractionDetails): LoginView => ({
    action: `/interaction/${details.uid}/login`,
    identifier: details.loginHint?.slice(0, MAX_IDENTIFIER_CHARS),
    keepSignedIn: false,
    reauthenticate: details.accountId !== undefined,
    ...(registration ? { registerUrl: `/register?interaction=${details.uid}` } : {}),
    forgotUrl: `/forgot?interaction=${details.uid}`,
    cancel: { action: `/interaction/${details.uid}/cancel` },
  });
  return {
    show(ctx: Context, details: InteractionDetails, client: ClientSummary | undefined): void {
      pages.show(ctx, 'interaction/login', { ...model(details), notice: cookies.takeNotice(ctx) }, { client: askingClient(client) });
    },
    async submit(ctx: Context, details: InteractionDetails, client: ClientSummary | undefined): Promise<void> {
      const form = await pages.form(ctx);
      const identifier = (form.get('identifier') ?? '').slice(0, MAX_IDENTIFIER_CHARS);
      try {
        const { account, deviceToken } = await identity.login.withPassword({
          identifier,
          password: form.get('password') ?? '',
          ip: ctx.ip,
          userAgent: ctx.get('User-Agent'),
          deviceToken: cookies.device(ctx),
          browserToken: cookies.registrant(ctx),
        });
        cookies.setDevice(ctx, deviceToken);
        const { next } = await interactions.finishLogin(ctx.req, ctx.res, {
          accountId: account.id,
          generation: account.signInGeneration,
          remember: form.get('remember') === 'on',
          amr: ['pwd'],
        });
        ctx.status = 303;
        ctx.redirect(next);
      } catch (error) {
        if (!(error instanceof AppError) || error.code.startsWith('interaction.')) throw error;
        if (error.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(error.retryAfterSeconds));
        pages.show(
          ctx,
          'interaction/login',
          {
            ...model(details),
            identifier,
            keepSignedIn: form.get('remember') === 'on',
            errors: toFormErrors(error),
            ...(error.code === 'login.unverified'
              ? { resend: { action: '/register/resend', hidden: { email: identifier, interaction: details.uid } } }
              : {}),
          },
          { status: error.status, client: askingClient(client) },
        );
      }
    },
  };
}
