import type { Context } from 'koa';
import type { Account, Identity } from '../../identity/index.js';
import { AppError } from '../../platform/errors.js';
import { type FormError, type ProfileView, toFormErrors } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';
import type { Entrance, SignedIn } from './entrance.js';
import type { FrameOf } from './frame.js';

const PATH = '/account/profile';
/** Longer than any name may be: what was typed is shown again, but not without bound. */
const MAX_SHOWN_CHARS = 254;

/** Our members and their wire names. */
const FIELDS = { fullName: 'full_name', firstName: 'first_name', lastName: 'last_name', username: 'username' } as const;
type Member = keyof typeof FIELDS;
const members = Object.keys(FIELDS) as Member[];

export type ProfilePageDeps = {
  pages: PageKit;
  cookies: BrowserCookies;
  frameOf: FrameOf;
  entrance: Entrance;
  identity: { accounts: Pick<Identity['accounts'], 'updateProfile'>; emailChange: Pick<Identity['emailChange'], 'findPending'> };
};

export function createProfilePage({ pages, cookies, frameOf, entrance, identity }: ProfilePageDeps) {
  const show = async (ctx: Context, { account }: SignedIn, typed: ReturnType<typeof valuesOf>, error?: AppError) => {
    const pending = await identity.emailChange.findPending(account.id);
    pages.show(
      ctx,
      'account/profile',
      {
        ...frameOf(ctx, account),
        ...typed,
        action: PATH,
        emailVerified: account.emailVerifiedAt !== null,
        pendingEmail: pending?.newEmail,
        ...(error ? { errors: errorsOf(error) } : {}),
      },
      { status: error?.status ?? 200 },
    );
  };
  return {
    async get(ctx: Context): Promise<void> {
      const person = await entrance.enter(ctx, PATH);
      if (person) await show(ctx, person, valuesOf(person.account));
    },
    async post(ctx: Context): Promise<void> {
      const form = await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const { account } = person;
      // A field that was not sent stays as it is; an empty one takes the value away.
      const typed = Object.fromEntries(members.flatMap((member) => (form.has(FIELDS[member]) ? [[member, form.get(FIELDS[member])]] : [])));
      try {
        await identity.accounts.updateProfile(account.id, typed, { actorId: account.id, ip: ctx.ip });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
        return show(ctx, person, { ...valuesOf(account), ...shown(typed) }, error);
      }
      cookies.setNotice(ctx, 'profile_saved');
      seeOther(ctx, PATH);
    },
  };
}

type Values = Pick<ProfileView, Member>;

const valuesOf = (account: Account): Values =>
  Object.fromEntries(members.map((member) => [member, account[member] ?? undefined])) as Values;

const shown = (typed: Record<string, string | undefined>): Values =>
  Object.fromEntries(Object.entries(typed).map(([member, value]) => [member, value?.slice(0, MAX_SHOWN_CHARS)])) as Values;

function errorsOf(error: AppError): FormError[] {
  return toFormErrors(error).map((each) => ({ ...each, field: FIELDS[each.field as Member] ?? each.field }));
}
