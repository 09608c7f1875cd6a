import type { KoaContextWithOIDC, Provider } from 'oidc-provider';

/** The context of a request that the provider has answered; the library has put its own members on it while it did. */
type Answered = Parameters<Parameters<Provider['use']>[0]>[0] & Partial<Pick<KoaContextWithOIDC, 'oidc'>>;

/** True for endpoints that programs call: they have no pages, no session of a browser, and send nobody anywhere. */
export function isForPrograms(provider: Provider): (ctx: { path: string }) => boolean {
  const paths = new Set(['token', 'userinfo', 'introspection', 'revocation'].map((route) => provider.pathFor(route)));
  return ({ path }) => paths.has(path);
}

/**
 * Does something with the provider's answers to some requests. For all others nothing waits: each step that does costs several promises, and
 * on Node 20 every AsyncLocalStorage hears of every promise.
 * @param concerns decides by what is known before the request is answered
 */
export function afterwards(provider: Provider, concerns: (ctx: Answered) => boolean, step: (ctx: Answered) => void | Promise<void>): void {
  provider.use((ctx, next) => (concerns(ctx) ? next().then(() => step(ctx)) : next()));
}
