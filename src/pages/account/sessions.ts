import type { Context } from 'koa';
import type { Sessions } from '../../oidc/sessions/index.js';
import type { Audit } from '../../platform/audit/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';
import type { Entrance } from './entrance.js';
import type { FrameOf } from './frame.js';
import type { SignOut } from './sign-out.js';

const PATH = '/account/sessions';

export type SessionsPageDeps = {
  pages: PageKit;
  cookies: BrowserCookies;
  frameOf: FrameOf;
  entrance: Entrance;
  sessions: Pick<Sessions, 'list' | 'end' | 'endAll'>;
  signOut: SignOut;
  audit: Pick<Audit, 'record'>;
};

export function createSessionsPage({ pages, cookies, frameOf, entrance, sessions, signOut, audit }: SessionsPageDeps) {
  return {
    async get(ctx: Context): Promise<void> {
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const list = await sessions.list(person.account.id);
      const here = person.session.uid;
      pages.show(ctx, 'account/sessions', {
        ...frameOf(ctx, person.account),
        // The device in hand comes first.
        sessions: [...list.filter(({ uid }) => uid === here), ...list.filter(({ uid }) => uid !== here)].map((session) => ({
          kind: session.kind,
          userAgent: session.userAgent ?? undefined,
          ip: session.ip ?? undefined,
          signedInAt: session.signedInAt,
          lastSeenAt: session.lastSeenAt,
          current: session.uid === here,
          end: { action: `${PATH}/end`, hidden: { session: session.uid } },
        })),
        ...(list.some(({ uid }) => uid !== here) ? { endOthers: { action: `${PATH}/end-others` } } : {}),
      });
    },
    async end(ctx: Context): Promise<void> {
      const form = await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const uid = form.get('session') ?? '';
      const { id: accountId } = person.account;
      if (uid === person.session.uid) return signOut(ctx, person);
      // Somebody else's session and one that has ended are told alike: that there is none.
      if (!(await sessions.end(uid, { accountId }))) {
        const ways = [{ href: PATH, label: 'back' }] as const;
        return pages.show(ctx, 'error', { status: 404, code: 'sessions.not_found', ways }, { status: 404 });
      }
      await audit.record({ type: 'session.ended', outcome: 'success', actorId: accountId, subjectId: accountId, ip: ctx.ip });
      cookies.setNotice(ctx, 'session_ended');
      seeOther(ctx, PATH);
    },
    async endOthers(ctx: Context): Promise<void> {
      await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const { id: accountId } = person.account;
      await sessions.endAll(accountId, { exceptSessionUid: person.session.uid });
      await audit.record({ type: 'session.all_ended', outcome: 'success', actorId: accountId, subjectId: accountId, ip: ctx.ip });
      cookies.setNotice(ctx, 'sessions_ended');
      seeOther(ctx, PATH);
    },
  };
}
