/**
 * Owns: the pages on which a person lets a device in: entering its code, looking at what it asks, and how it ended (RFC 8628, section 3.3).
 * Does not own: which of them comes, codes and limits (oidc/device); signing in and consent between them (pages/interaction).
 */
import type { Context } from 'koa';
import type { Account } from '../../identity/index.js';
import type { CodeProblem, DevicePages } from '../../oidc/device/index.js';
import type { FormError } from '../../render/index.js';
import { askingClient, type FindClient } from '../client-view.js';
import type { PageKit } from '../page-kit.js';
import { personOf } from '../person.js';
import { describeResources, type FindResource } from '../resource-scopes.js';
import { waysOn } from '../ways-on.js';

const PROBLEMS: Record<CodeProblem, FormError> = {
  missing: { code: 'field.required', field: 'user_code' },
  unknown: { code: 'device.unknown_code', field: 'user_code' },
  page_too_old: { code: 'device.page_too_old' },
};

export function createDevicePages({
  pages,
  findClient,
  findAccount,
  findResource,
}: {
  pages: PageKit;
  findClient: FindClient;
  findAccount(accountId: string): Promise<Account | null>;
  findResource: FindResource;
}): DevicePages {
  // The library makes its own Koa context for the same request; to our pages the two are alike.
  const plain = (ctx: unknown) => ctx as Context;
  return {
    async enter(ctx, { action, xsrf, typed, problem }) {
      pages.show(
        plain(ctx),
        'device/code',
        { action, hidden: { xsrf }, userCode: typed, errors: problem && [PROBLEMS[problem]] },
        { status: problem ? 400 : 200 },
      );
    },
    async confirm(ctx, { action, xsrf, userCode, clientId, accountId, scopes, resourceScopes, askedFrom }) {
      const [client, account] = await Promise.all([findClient(clientId), accountId ? findAccount(accountId) : null]);
      pages.show(
        plain(ctx),
        'device/confirm',
        {
          action,
          hidden: { xsrf, user_code: userCode },
          userCode,
          clientId,
          account: account ? personOf(account) : undefined,
          scopes,
          resources: describeResources(resourceScopes, findResource),
          askedFrom,
        },
        { client: askingClient(client) },
      );
    },
    async done(ctx, clientId) {
      const client = askingClient(await findClient(clientId));
      pages.show(plain(ctx), 'device/done', { applicationsUrl: '/account/applications' }, { client });
    },
    async cancelled(ctx) {
      pages.show(plain(ctx), 'device/cancelled', { enterUrl: '/device' });
    },
    async refused(ctx, { code, status, retryAfterSeconds }) {
      if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(Math.max(1, retryAfterSeconds)));
      pages.show(plain(ctx), 'error', { status, code, ways: waysOn(code, ctx.path) }, { status });
    },
  };
}
