import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Metrics } from '../platform/metrics/index.js';

export type TokenMetrics = Pick<Metrics, 'tokenIssued' | 'refreshFinished'>;

const KINDS = ['access_token', 'refresh_token', 'id_token'];

/** Counts what a token answer gives. Grants are those that the provider knows, by their last part (`urn:...:device_code` is device_code). */
export function countTokens(ctx: KoaContextWithOIDC, metrics: TokenMetrics): void {
  const grant =
    String(ctx.oidc.params?.grant_type ?? '')
      .split(':')
      .at(-1) ?? '';
  if (grant === 'refresh_token') metrics.refreshFinished('success');
  const body = (ctx.body ?? {}) as Record<string, unknown>;
  for (const kind of KINDS) if (typeof body[kind] === 'string') metrics.tokenIssued(grant, kind);
}
