import type { Client, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { RefreshUses } from './adapter/index.js';
import { afterwards } from './afterwards.js';
import type { ProviderExtension } from './provider.js';

/** FAPI 2.0 Security Profile, 5.3.2.1: their tokens are bound to their clients, so rotation would only lose sessions. */
const isRotated = (client: Client | undefined) => client?.profile !== 'fapi2';

/** Whether a refresh token is exchanged for a new one: always, but for `fapi2` clients and for a retry inside the reuse window. */
export const rotateRefreshToken =
  (uses: RefreshUses): NonNullable<Configuration['rotateRefreshToken']> =>
  async (ctx) =>
    (await uses.rotates(ctx)) && isRotated(ctx.oidc.client);

/** Puts the one successor of a token into the answers to those who used it again, later or at the same moment. */
export const answerWithSuccessor =
  (uses: RefreshUses): ProviderExtension =>
  (provider) => {
    const tokenPath = provider.pathFor('token');
    afterwards(
      provider,
      ({ path }) => path === tokenPath,
      (ctx) => {
        const successor = uses.successorFor(ctx as KoaContextWithOIDC);
        const body = ctx.body as Record<string, unknown> | null | undefined;
        if (successor !== undefined && ctx.status === 200 && typeof body?.refresh_token === 'string') body.refresh_token = successor;
      },
    );
  };
