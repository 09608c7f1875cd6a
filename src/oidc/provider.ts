import type { Configuration, Provider } from 'oidc-provider';
import type { Logger } from '../platform/log/index.js';
import type { TokenWrites } from './adapter/index.js';
import './route-steps.js';
import './refusal-stacks.js';
import './request-storage.js';
import { createExchangingProvider } from './stored-at-once.js';

/** Builds one Provider with all that belongs to it. Everything that listens to or extends a provider is attached here, so a rebuilt one is complete. */
export type ProviderExtension = (provider: Provider) => void;

/** The provider new requests get. Signing keys are read in its constructor only, so a rotation means a new one. */
export type ProviderHolder = {
  readonly current: Provider;
  /** Answers a request with the provider it starts with, whatever happens to `current` meanwhile. */
  handle: (...request: Parameters<ReturnType<Provider['callback']>>) => Promise<void>;
  /** Swaps in a freshly built provider for new requests. */
  rebuild(): void;
};

export function createProviderHolder({
  issuerUrl,
  buildConfiguration,
  extensions,
  isCurrent,
  tokenWrites,
  log,
}: {
  issuerUrl: string;
  buildConfiguration: () => Configuration;
  extensions: readonly ProviderExtension[];
  /** Catches up with what other processes have changed; false where that cannot be done though the database answers. */
  isCurrent: () => boolean | Promise<boolean>;
  tokenWrites: Pick<TokenWrites, 'storeAfter'>;
  log: Logger;
}): ProviderHolder {
  const ExchangingProvider = createExchangingProvider(tokenWrites);
  const build = () => {
    const provider = new ExchangingProvider(issuerUrl, buildConfiguration());
    // Admission has already checked the origin and rewritten what a proxy said.
    provider.proxy = true;
    for (const extend of extensions) extend(provider);
    // The library composes its middleware here, so this comes last.
    return { provider, callback: provider.callback() };
  };
  let current = build();
  return {
    get current() {
      return current.provider;
    },
    handle(request, response) {
      // A key may have retired, in an emergency even, while this process heard nothing: it signs nothing then.
      const upToDate = isCurrent();
      // Nearly always, and then nothing is waited for.
      if (upToDate === true) return current.callback(request, response);
      return Promise.resolve(upToDate).then((is) => (is ? current.callback(request, response) : refuse(response)));
    },
    rebuild() {
      current = build();
      log.info('signing keys changed: new requests get a new provider');
    },
  };
}

function refuse(response: Parameters<ProviderHolder['handle']>[1]): void {
  response
    .writeHead(503, { 'content-type': 'application/json', 'cache-control': 'no-store', 'retry-after': '2' })
    .end(JSON.stringify({ error: 'temporarily_unavailable', error_description: 'the server has fallen behind; try again shortly' }));
}
