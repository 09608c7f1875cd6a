import type { Client, ClientMetadata } from 'oidc-provider';
import { nowSeconds } from '../platform/clock.js';
import type { ProviderExtension } from './provider.js';

/** How long keys are used after they should have been looked at again, while their address gives nothing. */
const TOLERANCE_SECONDS = 600;

/** The library's store of a client's keys. `freshUntil`: seconds since the epoch; undefined before the first fetch. */
type KeyStore = { freshUntil?: number; clear(): void };

type ClientModel = {
  adapter: { find(id: string): Promise<ClientMetadata | undefined> };
  find(this: Pick<ClientModel, 'adapter'>, id: string): Promise<Client | undefined>;
};

/**
 * How clients are found. The library tells by a hash of all its metadata whether a client is the one it has built before; the registry hands out the
 * same metadata until something changes, so that is asked first, and the library only of what is new.
 *
 * It also fetches a `jwks_uri` again only when no key it holds fits: a key that was taken back would be good as long as the process lives. Keys that
 * are out of date are forgotten here whenever their client is looked up, and then fetched by whoever needs them.
 */
export const findClients: ProviderExtension = (provider) => {
  const model = provider.Client as unknown as ClientModel;
  const find = model.find;
  const built = new WeakMap<ClientMetadata, Client>();

  async function build(id: string, metadata: ClientMetadata): Promise<Client | undefined> {
    const client = await find.call({ adapter: { find: () => Promise.resolve(metadata) } }, id);
    if (client) built.set(metadata, client);
    return client;
  }

  model.find = async function findCurrent(id) {
    const metadata = await this.adapter.find(id);
    if (!metadata) return undefined;
    const client = built.get(metadata) ?? (await build(id, metadata));
    if (client?.jwksUri !== undefined) forgetIfOld((client as unknown as { asymmetricKeyStore: KeyStore }).asymmetricKeyStore);
    return client;
  };
};

function forgetIfOld(keys: KeyStore): void {
  if (keys.freshUntil === undefined || keys.freshUntil + TOLERANCE_SECONDS > nowSeconds()) return;
  keys.clear();
}
