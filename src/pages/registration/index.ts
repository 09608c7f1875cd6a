/**
 * Owns: the pages on which an account is made and its address confirmed. Does not own: the rules (identity/registration).
 * Every answer about an address is the same whether or not somebody has it; the mail tells its owner.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Identity } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import { type RegisterView, toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { ContinueTo } from '../continue-to.js';
import { tokenError, tokenOf } from '../mail-link.js';
import type { PageKit } from '../page-kit.js';

export type RegistrationPagesDeps = {
  pages: PageKit;
  identity: Pick<Identity, 'registration'>;
  cookies: BrowserCookies;
  continueTo: ContinueTo;
  /** whether people may create accounts themselves */
  open: boolean;
  passwordMinLength: number;
  verificationTtlSeconds: number;
  mailboxUrl: string | undefined;
};

export function createRegistrationPages(deps: RegistrationPagesDeps): Router {
  const { pages, identity, cookies, continueTo } = deps;
  const router = new Router({ prefix: '/register' });
  const requireOpen = () => {
    if (!deps.open) throw new AppError('registration.closed', 404, 'Accounts are made by the administrator here.');
  };
  const model = (interaction: string | undefined): RegisterView => ({
    action: '/register',
    hidden: interaction ? { interaction } : {},
    minLength: deps.passwordMinLength,
    strengthUrl: '/password/strength',
    loginUrl: interaction ? `/interaction/${interaction}` : '/account',
  });
  const checkMail = async (ctx: Context, email: string, interaction: string | undefined, sentAgain = false) =>
    pages.show(
      ctx,
      'interaction/check-mail',
      {
        kind: 'verify',
        email,
        sentAgain,
        validHours: Math.round(deps.verificationTtlSeconds / 3600),
        resend: { action: '/register/resend', hidden: { email, ...(interaction ? { interaction } : {}) } },
        changeUrl: interaction ? `/register?interaction=${interaction}` : '/register',
        loginUrl: interaction ? `/interaction/${interaction}` : '/account',
        mailboxUrl: deps.mailboxUrl,
      },
      { client: await continueTo.client(interaction) },
    );

  router.get('/', async (ctx) => {
    requireOpen();
    const interaction = continueTo.read(ctx.query.interaction);
    pages.show(ctx, 'interaction/register', model(interaction), { client: await continueTo.client(interaction) });
  });

  router.post('/', async (ctx) => {
    requireOpen();
    const form = await pages.form(ctx);
    const interaction = continueTo.read(form.get('interaction'));
    const text = (name: string) => form.get(name)?.trim() || undefined;
    const email = text('email') ?? '';
    const typed = { username: text('username'), firstName: text('first_name'), lastName: text('last_name') };
    try {
      const { browserToken } = await identity.registration.register({
        ...typed,
        email,
        password: form.get('password') ?? '',
        ip: ctx.ip,
        ...(interaction ? { continueTo: interaction } : {}),
      });
      cookies.setRegistrant(ctx, browserToken);
      await checkMail(ctx, email, interaction);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (error.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(error.retryAfterSeconds));
      pages.show(
        ctx,
        'interaction/register',
        { ...model(interaction), ...typed, email, errors: toFormErrors(error) },
        { status: error.status, client: await continueTo.client(interaction) },
      );
    }
  });

  router.post('/resend', async (ctx) => {
    const form = await pages.form(ctx);
    const email = form.get('email')?.trim() ?? '';
    await identity.registration.resend({ email, ip: ctx.ip, browserToken: cookies.registrant(ctx) });
    await checkMail(ctx, email, continueTo.read(form.get('interaction')), true);
  });

  // Scanners open links, so the link only opens a page; its button consumes the token.
  router.get('/verify', async (ctx) => {
    const token = tokenOf(ctx.query.token);
    await showVerify(ctx, token);
  });

  const showVerify = async (ctx: Context, token: string, error?: AppError) => {
    const { state, email, sameBrowser } = await identity.registration.inspect(token, { browserToken: cookies.registrant(ctx) });
    if (state !== 'ok') throw tokenError(state);
    pages.show(
      ctx,
      'interaction/verify',
      {
        action: '/register/verify',
        hidden: { token },
        email,
        passwordNeeded: !sameBrowser,
        forgotUrl: '/forgot',
        ...(error ? { errors: toFormErrors(error, { field: 'password' }) } : {}),
      },
      { status: error?.status ?? 200 },
    );
  };

  router.post('/verify', async (ctx) => {
    const form = await pages.form(ctx);
    const token = tokenOf(form.get('token'));
    try {
      const password = form.get('password');
      const verified = await identity.registration.verify({
        token,
        browserToken: cookies.registrant(ctx),
        deviceToken: cookies.device(ctx),
        ip: ctx.ip,
        userAgent: ctx.get('User-Agent'),
        ...(password === undefined ? {} : { password }),
      });
      cookies.setDevice(ctx, verified.deviceToken);
      if (verified.signInTicket) cookies.setTicket(ctx, verified.signInTicket);
      else cookies.setNotice(ctx, 'email_verified');
      pages.show(ctx, 'interaction/verified', {
        email: verified.account.email,
        signedIn: verified.signInTicket !== undefined,
        continueUrl: await continueTo.url(verified.continueTo),
      });
    } catch (error) {
      if (!(error instanceof AppError) || error.code.startsWith('token.')) throw error;
      await showVerify(ctx, token, error);
    }
  });

  return router;
}
