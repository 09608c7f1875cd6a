import { Provider } from 'oidc-provider';
import type { ProviderExtension } from '../provider.js';
import { askedContexts } from './asked.js';
import type { AuthenticationContexts } from './classes.js';

/**
 * The library tells the class that its session was given at the sign-in. Here the session remembers the methods, and which class they reach is asked of
 * the table when an application wants to know: a session reaches several, and a row that is added counts for those who are signed in already.
 */
export const answerContexts =
  (contexts: AuthenticationContexts): ProviderExtension =>
  (provider) => {
    Object.defineProperty((provider as unknown as { OIDCContext: { prototype: object } }).OIDCContext.prototype, 'acr', {
      configurable: true,
      get(this: { session?: { amr?: readonly string[] } }) {
        const ctx = Provider.ctx;
        return contexts.answer(this.session?.amr, ctx ? askedContexts(ctx).values : []);
      },
    });
  };
