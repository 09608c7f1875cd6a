/**
 * Owns: the page on which a person answers an application that asks to sign them in (CIBA), and how it ended.
 * Does not own: the question and its one answer (oidc/ciba), how the person hears of it (oidc/ciba), signing in between (pages/interaction).
 */
import Router from '@koa/router';
import type { Context } from 'koa';
import type { Answer, Opened, Questions } from '../../oidc/ciba/index.js';
import type { Audit } from '../../platform/audit/index.js';
import { AppError } from '../../platform/errors.js';
import type { Metrics } from '../../platform/metrics/index.js';
import type { Entrance } from '../account/index.js';
import { askingClient, type FindClient } from '../client-view.js';
import type { PageKit } from '../page-kit.js';
import { personOf } from '../person.js';
import { describeResources, type FindResource } from '../resource-scopes.js';
import { seeOther } from '../see-other.js';

const PATH = '/approve';

export type CibaPagesDeps = {
  pages: PageKit;
  entrance: Pick<Entrance, 'enter' | 'signInAnew'>;
  questions: Questions;
  findClient: FindClient;
  findResource: FindResource;
  audit: Pick<Audit, 'record'>;
  metrics: Pick<Metrics, 'backchannelRequest'>;
};

export function createCibaPages({ pages, entrance, questions, findClient, findResource, audit, metrics }: CibaPagesDeps): Router {
  const router = new Router();
  const pathOf = (token: string) => `${PATH}?token=${encodeURIComponent(token)}` as const;

  /** Opening the link decides nothing: programs that look at mails open links too. */
  router.get(PATH, async (ctx) => {
    const token = tokenOf(ctx.query.token);
    const person = await entrance.enter(ctx, pathOf(token));
    if (!person) return;
    const account = personOf(person.account);
    const opened = await orNotYours(questions.open(token, person.session));
    if (opened.state === 'not_yours')
      return pages.show(ctx, 'ciba/not-yours', { action: `${PATH}/sign-in`, hidden: { token }, account }, { status: 403 });
    if (opened.state === 'too_old') return entrance.signInAnew(ctx, pathOf(token));
    if (opened.state === 'answered') {
      const client = askingClient(await findClient(opened.clientId));
      const model = { allowed: opened.answer === 'allow', applicationsUrl: '/account/applications' };
      return pages.show(ctx, 'ciba/answered', model, { client });
    }
    const { clientId, bindingMessage, askedAt, expiresAt, scopes, resourceScopes } = opened.question;
    pages.show(
      ctx,
      'ciba/approve',
      {
        ...{ action: PATH, hidden: { token }, account, clientId, bindingMessage, askedAt, expiresAt, scopes },
        resources: describeResources(resourceScopes, findResource),
      },
      { client: askingClient(await findClient(clientId)) },
    );
  });

  router.post(PATH, async (ctx) => {
    const form = await pages.form(ctx);
    const token = tokenOf(form.get('token'));
    const answer = answerOf(form.get('decision'));
    const person = await entrance.enter(ctx, pathOf(token));
    if (!person) return;
    const { clientId, first } = await questions.answer(token, person.session, answer);
    if (first) await note(ctx, { answer, clientId, accountId: person.account.id });
    seeOther(ctx, pathOf(token));
  });

  router.post(`${PATH}/sign-in`, async (ctx) => {
    const form = await pages.form(ctx);
    entrance.signInAnew(ctx, pathOf(tokenOf(form.get('token'))));
  });

  async function note(ctx: Context, { answer, clientId, accountId }: { answer: Answer; clientId: string; accountId: string }) {
    metrics.backchannelRequest(answer === 'allow' ? 'approved' : 'refused');
    await audit.record({
      type: answer === 'allow' ? 'ciba.approved' : 'ciba.refused',
      outcome: 'success',
      actorId: accountId,
      subjectId: accountId,
      clientId,
      ip: ctx.ip,
    });
  }

  return router;
}

const orNotYours = (opened: Promise<Opened>): Promise<Opened | { state: 'not_yours' }> =>
  opened.catch((error: unknown) => {
    if (error instanceof AppError && error.code === 'approval.not_yours') return { state: 'not_yours' as const };
    throw error;
  });

function tokenOf(value: unknown): string {
  if (typeof value === 'string' && /^[A-Za-z0-9_-]{20,128}$/.test(value)) return value;
  throw new AppError('approval.unknown', 400, 'This link is not one of ours.');
}

function answerOf(value: unknown): Answer {
  if (value === 'allow' || value === 'refuse') return value;
  throw new AppError('request.invalid', 400, 'The form says neither allow nor refuse.');
}
