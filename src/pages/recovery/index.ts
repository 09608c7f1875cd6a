/**
 * Owns: the pages of a forgotten password. Does not own: the rules (identity/recovery).
 * Asking for a reset always ends in "check your mail", whoever asks for whatever address.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { Identity } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import { toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { ContinueTo } from '../continue-to.js';
import { tokenError, tokenOf } from '../mail-link.js';
import type { Outcomes } from '../outcomes.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';

export type RecoveryPagesDeps = {
  pages: PageKit;
  identity: Pick<Identity, 'recovery'>;
  cookies: BrowserCookies;
  outcomes: Outcomes;
  continueTo: ContinueTo;
  passwordMinLength: number;
  resetTtlSeconds: number;
  mailboxUrl: string | undefined;
};

const mailedSchema = z.object({ email: z.string(), interaction: z.string().optional() });
const doneSchema = z.object({ interaction: z.string().optional() });

export function createRecoveryPages(deps: RecoveryPagesDeps): Router {
  const { pages, identity, cookies, continueTo } = deps;
  const router = new Router();
  const mailed = deps.outcomes('reset_asked', '/forgot/check-mail', mailedSchema);
  const done = deps.outcomes('reset_done', '/reset/done', doneSchema);
  const loginUrl = (interaction: string | undefined) => (interaction ? `/interaction/${interaction}` : '/account');

  router.get('/forgot', async (ctx) => {
    const interaction = continueTo.read(ctx.query.interaction);
    pages.show(
      ctx,
      'interaction/forgot',
      { action: '/forgot', hidden: interaction ? { interaction } : {}, loginUrl: loginUrl(interaction) },
      { client: await continueTo.client(interaction) },
    );
  });

  router.post('/forgot', async (ctx) => {
    const form = await pages.form(ctx);
    const interaction = continueTo.read(form.get('interaction'));
    const email = form.get('email')?.trim() ?? '';
    const hidden: Record<string, string> = interaction ? { interaction } : {};
    const client = await continueTo.client(interaction);
    try {
      await identity.recovery.request({ email, ip: ctx.ip });
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(error.retryAfterSeconds));
      pages.show(
        ctx,
        'interaction/forgot',
        { action: '/forgot', hidden, loginUrl: loginUrl(interaction), email, errors: toFormErrors(error, { field: 'email' }) },
        { status: error.status, client },
      );
      return;
    }
    mailed.show(ctx, { email, interaction });
  });

  router.get('/forgot/check-mail', async (ctx) => {
    const told = mailed.read(ctx);
    if (!told) return seeOther(ctx, '/forgot');
    const { email, interaction } = told;
    pages.show(
      ctx,
      'interaction/check-mail',
      {
        kind: 'reset',
        email,
        validHours: Math.max(1, Math.round(deps.resetTtlSeconds / 3600)),
        resend: { action: '/forgot', hidden: { ...(interaction ? { interaction } : {}), email } },
        changeUrl: interaction ? `/forgot?interaction=${interaction}` : '/forgot',
        loginUrl: loginUrl(interaction),
        mailboxUrl: deps.mailboxUrl,
      },
      { client: await continueTo.client(interaction) },
    );
  });

  const showReset = async (ctx: Context, token: string, error?: AppError) => {
    const { state, email } = await identity.recovery.inspect(token);
    if (state !== 'ok') throw tokenError(state);
    pages.show(
      ctx,
      'interaction/reset',
      {
        action: '/reset',
        hidden: { token },
        email,
        minLength: deps.passwordMinLength,
        strengthUrl: '/password/strength',
        ...(error ? { errors: toFormErrors(error, { field: 'password' }) } : {}),
      },
      { status: error?.status ?? 200 },
    );
  };

  router.get('/reset', (ctx) => showReset(ctx, tokenOf(ctx.query.token)));

  router.post('/reset', async (ctx) => {
    const form = await pages.form(ctx);
    const token = tokenOf(form.get('token'));
    try {
      const { deviceToken } = await identity.recovery.reset({
        token,
        newPassword: form.get('password') ?? '',
        ip: ctx.ip,
        deviceToken: cookies.device(ctx),
      });
      cookies.setDevice(ctx, deviceToken);
    } catch (error) {
      if (!(error instanceof AppError) || error.code.startsWith('token.')) throw error;
      return showReset(ctx, token, error);
    }
    cookies.setNotice(ctx, 'password_reset');
    // Where this browser asked for the mail it knows what for; any other one goes to the account.
    done.show(ctx, { interaction: mailed.read(ctx)?.interaction });
  });

  router.get('/reset/done', async (ctx) => {
    const told = done.read(ctx);
    if (!told) return seeOther(ctx, '/account');
    const client = await continueTo.client(told.interaction);
    pages.show(ctx, 'interaction/reset-done', { continueUrl: await continueTo.url(told.interaction) }, { client });
  });

  return router;
}
