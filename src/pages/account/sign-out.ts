import type { Context } from 'koa';
import type { BrowserSessions } from '../../oidc/browser-session.js';
import { routes } from '../../oidc/configuration.js';
import type { Sessions } from '../../oidc/sessions/index.js';
import type { Audit } from '../../platform/audit/index.js';
import { seeOther } from '../see-other.js';
import type { SignedIn } from './entrance.js';

/** Ends the session of this browser and what was to end with it, and goes on to the page that says so. Harmless when there is none. */
export type SignOut = (ctx: Context, person: Pick<SignedIn, 'session'> | undefined) => Promise<void>;

export type SignOutDeps = {
  browserSessions: BrowserSessions;
  sessions: Pick<Sessions, 'end'>;
  audit: Pick<Audit, 'record'>;
};

export function createSignOut({ browserSessions, sessions, audit }: SignOutDeps): SignOut {
  return async (ctx, person) => {
    if (person) {
      const { uid, accountId } = person.session;
      if (await sessions.end(uid, { accountId }))
        await audit.record({ type: 'session.ended', outcome: 'success', actorId: accountId, subjectId: accountId, ip: ctx.ip });
    }
    browserSessions.forget(ctx.req, ctx.res);
    seeOther(ctx, `${routes.end_session}/success`);
  };
}
