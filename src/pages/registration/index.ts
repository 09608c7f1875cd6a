/**
 * Owns: the pages on which an account is made and its address confirmed. Does not own: the rules (identity/registration).
 * Every answer about an address is the same whether or not somebody has it; the mail tells its owner.
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import { z } from 'zod';
import type { Identity } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import { type RegisterView, toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { ContinueTo } from '../continue-to.js';
import { tokenError, tokenOf } from '../mail-link.js';
import type { Outcomes } from '../outcomes.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';

export type RegistrationPagesDeps = {
  pages: PageKit;
  identity: Pick<Identity, 'registration'>;
  cookies: BrowserCookies;
  outcomes: Outcomes;
  continueTo: ContinueTo;
  /** whether people may create accounts themselves */
  open: boolean;
  passwordMinLength: number;
  verificationTtlSeconds: number;
  mailboxUrl: string | undefined;
};

const mailedSchema = z.object({ email: z.string(), interaction: z.string().optional(), sentAgain: z.boolean().optional() });
const verifiedSchema = z.object({
  email: z.string(),
  signedIn: z.boolean(),
  interaction: z.string().optional(),
  /** it was begun in another browser, which is where it goes on */
  elsewhere: z.boolean(),
});

export function createRegistrationPages(deps: RegistrationPagesDeps): Router {
  const { pages, identity, cookies, continueTo } = deps;
  const router = new Router({ prefix: '/register' });
  const mailed = deps.outcomes('registered', '/register/check-mail', mailedSchema);
  const confirmed = deps.outcomes('verified', '/register/verified', verifiedSchema);
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
      mailed.show(ctx, { email, interaction });
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

  router.get('/check-mail', async (ctx) => {
    const told = mailed.read(ctx);
    if (!told) return seeOther(ctx, '/register');
    const { email, interaction, sentAgain } = told;
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
  });

  router.post('/resend', async (ctx) => {
    const form = await pages.form(ctx);
    const email = form.get('email')?.trim() ?? '';
    await identity.registration.resend({ email, ip: ctx.ip, browserToken: cookies.registrant(ctx) });
    mailed.show(ctx, { email, interaction: continueTo.read(form.get('interaction')), sentAgain: true });
  });

  // Scanners open links, so the link only opens a page; its button consumes the token.
  router.get('/verify', async (ctx) => {
    const token = tokenOf(ctx.query.token);
    await showVerify(ctx, token);
  });

  const showVerify = async (ctx: Context, token: string, error?: AppError) => {
    const {
      state,
      email,
      sameBrowser,
      continueTo: interaction,
    } = await identity.registration.inspect(token, { browserToken: cookies.registrant(ctx) });
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
      { status: error?.status ?? 200, client: await continueTo.client(continueTo.read(interaction)) },
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
      confirmed.show(ctx, {
        email: verified.account.email,
        signedIn: verified.signInTicket !== undefined,
        interaction: continueTo.read(verified.continueTo),
        elsewhere: !verified.sameBrowser,
      });
    } catch (error) {
      if (!(error instanceof AppError) || error.code.startsWith('token.')) throw error;
      await showVerify(ctx, token, error);
    }
  });

  router.get('/verified', async (ctx) => {
    const told = confirmed.read(ctx);
    if (!told) return seeOther(ctx, '/account');
    const { email, signedIn, interaction, elsewhere } = told;
    const client = await continueTo.client(interaction);
    // The interaction's cookie is in the browser that began it, and nobody gets on without.
    const continueUrl = elsewhere ? '/account' : await continueTo.url(interaction);
    pages.show(ctx, 'interaction/verified', { email, signedIn, continueUrl, elsewhere: elsewhere && client !== undefined }, { client });
  });

  return router;
}
