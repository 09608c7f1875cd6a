import type { Context } from 'koa';
import type { SignInTickets, TicketHolder } from '../identity/index.js';
import type { CookieNames } from '../platform/http/index.js';
import type { AccountFrame, LoginView } from '../render/index.js';

type Notice = NonNullable<LoginView['notice']>;
type AccountNotice = NonNullable<AccountFrame['notice']>;
const NOTICES: readonly Notice[] = ['password_reset', 'email_verified', 'signed_out'];
const ACCOUNT_NOTICES: readonly AccountNotice[] = [
  'profile_saved',
  'password_changed',
  'session_ended',
  'sessions_ended',
  'application_removed',
  'email_change_requested',
  'email_change_cancelled',
  'api_key_revoked',
];

const YEAR_SECONDS = 31_536_000;
const TICKET_SECONDS = 300;
const MAX_COOKIE_CHARS = 512;

/** The small cookies our pages keep beside the session. */
export type BrowserCookies = {
  /** the token that an earlier success left on this device */
  device(ctx: Context): string | undefined;
  setDevice(ctx: Context, token: string): void;
  /** marks the browser that registered, so that its mail link needs no password */
  registrant(ctx: Context): string | undefined;
  setRegistrant(ctx: Context, token: string): void;
  /** a sign-in ticket: proof, for one sign-in, that this browser has just shown who it is */
  setTicket(ctx: Context, ticket: string): void;
  /** Uses up the ticket. @returns whom it was for */
  takeTicket(ctx: Context, tickets: Pick<SignInTickets, 'consume'>): Promise<TicketHolder | undefined>;
  /** What has just happened, for the next page to say once: in a cookie, so that nobody can put it into somebody's link. */
  setNotice(ctx: Context, notice: Notice | AccountNotice): void;
  takeNotice(ctx: Context): Notice | undefined;
  takeAccountNotice(ctx: Context): AccountNotice | undefined;
};

export function createBrowserCookies({ names }: { names: CookieNames }): BrowserCookies {
  const options = { signed: true, httpOnly: true, sameSite: 'lax', secure: names.secure, path: '/', overwrite: true } as const;
  const get = (ctx: Context, name: string) => {
    const value = ctx.cookies.get(names.host(name), { signed: true });
    return value && value.length <= MAX_COOKIE_CHARS ? value : undefined;
  };
  const set = (ctx: Context, name: string, value: string | null, seconds?: number) =>
    ctx.cookies.set(names.host(name), value, { ...options, ...(seconds ? { maxAge: seconds * 1000 } : {}) });
  const takeOneOf = <T extends string>(ctx: Context, notices: readonly T[]): T | undefined => {
    const value = get(ctx, 'notice');
    if (value === undefined) return undefined;
    set(ctx, 'notice', null);
    return notices.find((notice) => notice === value);
  };
  return {
    device: (ctx) => get(ctx, 'device'),
    setDevice: (ctx, token) => set(ctx, 'device', token, YEAR_SECONDS),
    registrant: (ctx) => get(ctx, 'registrant'),
    setRegistrant: (ctx, token) => set(ctx, 'registrant', token, 86_400),
    setTicket: (ctx, ticket) => set(ctx, 'ticket', ticket, TICKET_SECONDS),
    async takeTicket(ctx, tickets) {
      const ticket = get(ctx, 'ticket');
      if (!ticket) return undefined;
      set(ctx, 'ticket', null);
      return (await tickets.consume(ticket)) ?? undefined;
    },
    setNotice: (ctx, notice) => set(ctx, 'notice', notice, 60),
    takeNotice: (ctx) => takeOneOf(ctx, NOTICES),
    takeAccountNotice: (ctx) => takeOneOf(ctx, ACCOUNT_NOTICES),
  };
}
