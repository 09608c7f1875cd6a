import type { Client } from 'oidc-provider';
import { nowSeconds } from '../platform/clock.js';
import type { ProviderExtension } from './provider.js';

/** How long keys are used after they should have been looked at again, while their address gives nothing. */
const TOLERANCE_SECONDS = 600;

/** The library's store of a client's keys. `freshUntil`: seconds since the epoch; undefined before the first fetch. */
type KeyStore = { freshUntil?: number; clear(): void };

/**
 * The library fetches a `jwks_uri` again only when no key it holds fits: a key that was taken back would be good as long as the process lives.
 * Keys that are out of date are forgotten here whenever their client is looked up, and then fetched by whoever needs them.
 */
export const forgetOldClientKeys: ProviderExtension = (provider) => {
  const model = provider.Client as unknown as { find(this: unknown, id: string): Promise<Client | undefined> };
  const find = model.find;
  model.find = async function findWithCurrentKeys(id) {
    const client = await find.call(this, id);
    if (client?.jwksUri !== undefined) forgetIfOld((client as unknown as { asymmetricKeyStore: KeyStore }).asymmetricKeyStore);
    return client;
  };
};

function forgetIfOld(keys: KeyStore): void {
  if (keys.freshUntil === undefined || keys.freshUntil + TOLERANCE_SECONDS > nowSeconds()) return;
  keys.clear();
}
