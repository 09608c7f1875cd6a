/**
 * Owns: the development mailbox, where mails are read while no mail server is set. Mounted in development only: whoever reads these mails
 * can reset any password.
 * Does not own: the mails (platform/mail).
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import { AppError } from '../../platform/errors.js';
import type { KeptMail, Mailbox } from '../../platform/mail/index.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';

const PATH = '/dev/mailbox';

/** A mail is a document of its own: it loads nothing, runs nothing, belongs to no origin, and is framed by our page only. */
const MAIL_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src data:',
  'sandbox allow-popups allow-popups-to-escape-sandbox',
  "frame-ancestors 'self'",
].join('; ');

export type DevMailboxPagesDeps = { pages: PageKit; mailbox: Pick<Mailbox, 'list' | 'read' | 'clear'> };

export function createDevMailboxPages({ pages, mailbox }: DevMailboxPagesDeps): Router {
  const router = new Router({ prefix: PATH });
  const get = async (ctx: Context & { params: Record<string, string> }): Promise<KeptMail> => {
    const mail = await mailbox.read(ctx.params.id ?? '');
    if (!mail) throw new AppError('not_found', 404, 'There is no such mail.');
    return mail;
  };

  router.get('/', async (ctx) => {
    const mails = await mailbox.list();
    pages.show(ctx, 'dev/mailbox', {
      mails: mails.map(({ id, to, subject, sentAt }) => ({ href: `${PATH}/${id}`, to, subject, sentAt })),
      clear: { action: `${PATH}/clear` },
    });
  });

  router.post('/clear', async (ctx) => {
    await pages.form(ctx);
    await mailbox.clear();
    seeOther(ctx, PATH);
  });

  router.get('/:id', async (ctx) => {
    const { id, from, to, subject, sentAt, text } = await get(ctx);
    pages.show(ctx, 'dev/mail', { from, to, subject, sentAt, text, links: linksIn(text), htmlUrl: `${PATH}/${id}/html`, mailboxUrl: PATH });
  });

  router.get('/:id/html', async (ctx) => {
    const { html } = await get(ctx);
    ctx.set('Content-Security-Policy', MAIL_POLICY);
    ctx.remove('X-Frame-Options');
    ctx.set('Cache-Control', 'no-store');
    ctx.type = 'text/html; charset=utf-8';
    // Our pages refuse to be framed, so the mail's links open beside it, as in a mail program.
    ctx.body = html.replace(/<head>/i, '<head><base target="_blank">');
  });

  return router;
}

const linksIn = (text: string): string[] => [...new Set(text.match(/https?:\/\/[^\s<>"']+/g) ?? [])];
