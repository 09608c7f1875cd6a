import type { Context } from 'koa';
import type { Identity } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import { type FormError, toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';
import type { Entrance, SignedIn } from './entrance.js';
import type { FrameOf } from './frame.js';

const PATH = '/account/password';

export type PasswordPageDeps = {
  pages: PageKit;
  cookies: BrowserCookies;
  frameOf: FrameOf;
  entrance: Entrance;
  identity: Pick<Identity, 'passwordChange'>;
  passwordMinLength: number;
};

export function createPasswordPage({ pages, cookies, frameOf, entrance, identity, passwordMinLength }: PasswordPageDeps) {
  const show = (ctx: Context, { account }: SignedIn, error?: AppError) =>
    pages.show(
      ctx,
      'account/password',
      {
        ...frameOf(ctx, account),
        action: PATH,
        minLength: passwordMinLength,
        strengthUrl: '/password/strength',
        passwordSetAt: account.passwordSetAt ?? undefined,
        forgotUrl: '/forgot',
        ...(error ? { errors: errorsOf(error) } : {}),
      },
      { status: error?.status ?? 200 },
    );
  return {
    async get(ctx: Context): Promise<void> {
      const person = await entrance.enter(ctx, PATH);
      if (person) show(ctx, person);
    },
    async post(ctx: Context): Promise<void> {
      const form = await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const [currentPassword = '', newPassword = ''] = [form.get('current_password'), form.get('new_password')];
      try {
        requireBoth(currentPassword, newPassword);
        const { deviceToken } = await identity.passwordChange.change({
          accountId: person.account.id,
          currentPassword,
          newPassword,
          keepSessionUid: person.session.uid,
          ip: ctx.ip,
          deviceToken: cookies.device(ctx),
        });
        cookies.setDevice(ctx, deviceToken);
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        if (error.retryAfterSeconds !== undefined) ctx.set('Retry-After', String(error.retryAfterSeconds));
        return show(ctx, person, error);
      }
      cookies.setNotice(ctx, 'password_changed');
      seeOther(ctx, PATH);
    },
  };
}

/** An empty field is not a wrong password, and must not count as an attempt at one. */
function requireBoth(currentPassword: string, newPassword: string): void {
  const missing = [
    ...(currentPassword === '' ? [{ path: 'current_password', message: 'Enter your current password.' }] : []),
    ...(newPassword === '' ? [{ path: 'new_password', message: 'Enter a new password.' }] : []),
  ];
  if (missing.length > 0) throw new AppError('field.required', 422, 'Fill in both fields.', { details: missing });
}

/** Members of the service and their wire names. */
const FIELDS: Record<string, string> = { currentPassword: 'current_password', newPassword: 'new_password' };

function errorsOf(error: AppError): FormError[] {
  const aboutNew = error.code.startsWith('passwords.') && error.code !== 'passwords.busy';
  const field = aboutNew ? 'new_password' : undefined;
  return toFormErrors(error, field ? { field } : {}).map((each) => ({ ...each, field: field ?? FIELDS[each.field ?? ''] ?? each.field }));
}
