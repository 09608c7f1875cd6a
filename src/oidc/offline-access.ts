import type { KoaContextWithOIDC } from 'oidc-provider';

/**
 * oidc-provider drops `offline_access` from a request that does not also say `prompt=consent` (OpenID Connect Core, section 11). Core allows other
 * conditions "for processing the request" too, and here consent is always asked or remembered, so a client that may refresh keeps the
 * scope it asked for. Runs as the validator of an extra parameter, which is the library's one hook between checking scopes and using them.
 */
export function keepOfflineAccess(ctx: KoaContextWithOIDC): void {
  const { params, client } = ctx.oidc;
  const asked = typeof ctx.query.scope === 'string' ? ctx.query.scope.split(' ') : [];
  if (!params || !client || !asked.includes('offline_access')) return;
  if (!client.grantTypeAllowed('refresh_token')) return;
  if (client.scope && !client.scope.split(' ').includes('offline_access')) return;
  const kept = new Set(String(params.scope ?? '').split(' '));
  kept.add('offline_access');
  kept.delete('');
  params.scope = [...kept].join(' ');
}
