/**
 * Owns: the page that the mail to a new address opens, and the one after it. Does not own: the rules (identity/email-change), the page on
 * which another address is asked for (pages/account).
 */
import Router from '@koa/router';
import { z } from 'zod';
import type { Identity } from '../../identity/index.js';
import { tokenError, tokenOf } from '../mail-link.js';
import type { Outcomes } from '../outcomes.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';

const PATH = '/email/confirm';

export type EmailPagesDeps = { pages: PageKit; outcomes: Outcomes; identity: Pick<Identity, 'emailChange'> };

export function createEmailPages({ pages, outcomes, identity }: EmailPagesDeps): Router {
  const router = new Router();
  const changed = outcomes('email_changed', '/email/changed', z.object({ newEmail: z.string() }));

  // Scanners open links, so the link only opens a page; its button consumes the token.
  router.get(PATH, async (ctx) => {
    const token = tokenOf(ctx.query.token);
    const { state, newEmail = '', oldEmail = '' } = await identity.emailChange.inspect(token);
    if (state !== 'ok') throw tokenError(state);
    pages.show(ctx, 'interaction/email-confirm', { action: PATH, hidden: { token }, newEmail, oldEmail: hint(oldEmail) });
  });

  router.post(PATH, async (ctx) => {
    const form = await pages.form(ctx);
    const { email } = await identity.emailChange.confirm({ token: tokenOf(form.get('token')), ip: ctx.ip });
    changed.show(ctx, { newEmail: email });
  });

  router.get('/email/changed', (ctx) => {
    const told = changed.read(ctx);
    if (!told) return seeOther(ctx, '/account');
    pages.show(ctx, 'interaction/email-changed', { ...told, continueUrl: '/account' });
  });

  return router;
}

/** Enough of an address for its owner to recognise it. Whoever opens the link may be a stranger whose address was mistyped. */
function hint(email: string): string {
  const at = email.lastIndexOf('@');
  return `${email.slice(0, 1)}…${email.slice(at)}`;
}
