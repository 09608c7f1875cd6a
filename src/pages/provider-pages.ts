import type { Context } from 'koa';
import type { Account } from '../identity/index.js';
import type { ProviderPages } from '../oidc/configuration.js';
import { allowFormAction } from '../platform/http/index.js';
import type { Logger } from '../platform/log/index.js';
import { askingClient, type FindClient } from './client-view.js';
import { hostOf, kindOf } from './destination.js';
import type { PageKit } from './page-kit.js';
import { personOf } from './person.js';

/**
 * What people meet where oidc-provider would show a page of its own: refused requests, and signing out.
 * @param deps.development whether error pages tell a developer what the library said
 */
export function createProviderPages({
  pages,
  findClient,
  findAccount,
  listTold,
  explain,
  development,
  log,
}: {
  pages: PageKit;
  findClient: FindClient;
  findAccount(accountId: string): Promise<Account | null>;
  /** those of the applications that hear of a sign-out */
  listTold(clientIds: readonly string[]): Promise<string[]>;
  /** notes why, and tells the id under which it can be asked for */
  explain(ctx: Parameters<ProviderPages['error']>[0], error: Error): string | undefined;
  development: boolean;
  log: Logger;
}): ProviderPages {
  const namesOf = async (clientIds: readonly string[]) =>
    (await Promise.all(clientIds.map(async (id) => (await findClient(id))?.name ?? []))).flat();
  // The library makes its own Koa context for the same request; to our pages the two are alike.
  const plain = (ctx: unknown) => ctx as Context;
  return {
    async error(ctx, out, error) {
      const status = ctx.status >= 400 ? ctx.status : 400;
      if (status >= 500) log.error({ err: error }, 'the provider failed');
      const reference = status < 500 ? explain(ctx, error) : undefined;
      if (ctx.accepts('html', 'json') === 'json') {
        ctx.status = status;
        ctx.set('Cache-Control', 'no-store');
        ctx.body = out;
        return;
      }
      const clientId = ctx.oidc?.client?.clientId;
      pages.show(
        plain(ctx),
        'error',
        {
          status,
          reference,
          code: status === 503 ? 'database.unavailable' : status >= 500 ? 'server_error' : errorCode(out, error, ctx.oidc?.route),
          ...(development
            ? {
                technical: [
                  { name: 'error', value: out.error },
                  { name: 'error_description', value: out.error_description ?? '' },
                  ...(clientId ? [{ name: 'client_id', value: clientId }] : []),
                ],
              }
            : {}),
        },
        { status, client: clientId ? askingClient(await findClient(clientId)) : undefined },
      );
    },
    async logout(ctx, { action, xsrf }) {
      const { session, client, params } = ctx.oidc;
      const account = session?.accountId ? await findAccount(session.accountId) : null;
      const target = session?.state?.postLogoutRedirectUri ?? params?.post_logout_redirect_uri;
      allowFormAction(plain(ctx), typeof target === 'string' ? target : undefined);
      pages.show(
        plain(ctx),
        'interaction/logout',
        {
          action,
          hidden: { xsrf },
          account: account ? personOf(account) : undefined,
          clientOnly: client !== undefined,
          told: await namesOf(await listTold(Object.keys(session?.authorizations ?? {}))),
        },
        { client: client ? askingClient(await findClient(client.clientId)) : undefined },
      );
    },
    async forward(ctx, { action, fields, clientId, targets }) {
      for (const target of targets) allowFormAction(plain(ctx), target);
      const client = clientId ? askingClient(await findClient(clientId)) : undefined;
      pages.show(plain(ctx), 'interaction/forward', { action, fields }, { status: ctx.status, client });
    },
    async leave(ctx, { clientId, target, fields, after }) {
      allowFormAction(plain(ctx), target);
      pages.show(
        plain(ctx),
        'interaction/leave',
        { target, fields, host: hostOf(target), goesTo: kindOf(target), clientId, after },
        { status: after === 'refusal' ? 400 : 200, client: askingClient(await findClient(clientId)) },
      );
    },
    async signedOut(ctx) {
      const client = ctx.oidc.client ? await findClient(ctx.oidc.client.clientId) : undefined;
      pages.show(
        plain(ctx),
        'interaction/signed-out',
        { signInUrl: '/account', continueUrl: client?.uri },
        { client: askingClient(client) },
      );
    },
  };
}

/** What the library calls its refusals, and the texts they have in the catalogue; all others are a request that was not understood. */
const CODES: Record<string, string> = {
  invalid_client: 'oauth.unknown_client',
  invalid_redirect_uri: 'oauth.redirect_uri_mismatch',
  invalid_scope: 'oauth.invalid_scope',
  access_denied: 'oauth.access_denied',
  unsupported_response_type: 'oauth.unsupported_response_type',
};

/** The code under which a refusal is explained; the library's own words are for the log and the developer's view. */
function errorCode(out: { error: string; error_description?: string }, error: Error, route: string | undefined): string {
  // For the library a lost or finished sign-in is an invalid request as well, but for the person it is another story.
  if (error.name === 'SessionNotFound')
    return /mismatch/.test(out.error_description ?? '') ? 'interaction.wrong_browser' : 'interaction.expired';
  if (route?.startsWith('end_session')) return 'oauth.logout_failed';
  return CODES[out.error] ?? 'oauth.invalid_request';
}
