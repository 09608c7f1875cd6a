import type { Context } from 'koa';
import type { Identity } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import { type FormError, toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';
import type { Entrance, SignedIn } from './entrance.js';
import type { FrameOf } from './frame.js';

const PATH = '/account/email';
/** Longer than any address may be: what was typed is shown again, but not without bound. */
const MAX_SHOWN_CHARS = 254;

export type EmailPageDeps = {
  pages: PageKit;
  cookies: BrowserCookies;
  frameOf: FrameOf;
  entrance: Entrance;
  identity: Pick<Identity, 'emailChange'>;
  mailboxUrl: string | undefined;
};

/** The page on which another address is asked for. The one that its mail opens is pages/email. */
export function createEmailPage({ pages, cookies, frameOf, entrance, identity, mailboxUrl }: EmailPageDeps) {
  const show = async (ctx: Context, { account }: SignedIn, newEmail?: string, error?: AppError) => {
    const pending = await identity.emailChange.findPending(account.id);
    pages.show(
      ctx,
      'account/email',
      {
        ...frameOf(ctx, account),
        action: PATH,
        emailVerified: account.emailVerifiedAt !== null,
        newEmail: newEmail?.slice(0, MAX_SHOWN_CHARS),
        forgotUrl: '/forgot',
        mailboxUrl,
        ...(pending ? { pending: { ...pending, cancel: { action: `${PATH}/cancel` } } } : {}),
        ...(error ? { errors: errorsOf(error) } : {}),
      },
      { status: error?.status ?? 200 },
    );
  };
  return {
    async get(ctx: Context): Promise<void> {
      const person = await entrance.enter(ctx, PATH);
      if (person) await show(ctx, person);
    },
    async post(ctx: Context): Promise<void> {
      const form = await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const [newEmail = '', currentPassword = ''] = [form.get('new_email'), form.get('current_password')];
      try {
        requireBoth(newEmail, currentPassword);
        await identity.emailChange.request({ accountId: person.account.id, newEmail, currentPassword, ip: ctx.ip });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (error.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(error.retryAfterSeconds));
        return show(ctx, person, newEmail, error);
      }
      cookies.setNotice(ctx, 'email_change_requested');
      seeOther(ctx, PATH);
    },
    async cancel(ctx: Context): Promise<void> {
      await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      await identity.emailChange.cancel(person.account.id, { ip: ctx.ip });
      cookies.setNotice(ctx, 'email_change_cancelled');
      seeOther(ctx, PATH);
    },
  };
}

/** An empty field is not a wrong password, and must not count as an attempt at one. */
function requireBoth(newEmail: string, currentPassword: string): void {
  const missing = [
    ...(newEmail.trim() === '' ? [{ path: 'newEmail', message: 'Enter the new email address.' }] : []),
    ...(currentPassword === '' ? [{ path: 'currentPassword', message: 'Enter your current password.' }] : []),
  ];
  if (missing.length > 0) throw new AppError('field.required', 422, 'Fill in both fields.', { details: missing });
}

/** An address that is none is told as it is at registration. */
function errorsOf(error: AppError): FormError[] {
  return toFormErrors(error).map((each) =>
    each.code === 'accounts.invalid_input' ? { ...each, code: 'registration.invalid_email' } : each,
  );
}
