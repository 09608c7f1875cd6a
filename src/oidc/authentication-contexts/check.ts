import { errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { askedContexts } from './asked.js';
import type { AuthenticationContexts } from './classes.js';

const { Check } = interactionPolicy;

/**
 * Whether the sign-in is of a class that was asked for; takes the place of the library's two checks, which would ask for the password for ever. What
 * nobody can reach here is refused at once, and what this person did not reach after having signed in for it, then: both as
 * `unmet_authentication_requirements` (OpenID Connect Core Error Code 1.0), never as a sign-in that claims to be more than it is.
 */
export function createContextCheck(contexts: AuthenticationContexts) {
  return new Check('authentication_context', 'a sign-in of the requested class is needed', 'login_required', (ctx: KoaContextWithOIDC) => {
    const { values, required } = askedContexts(ctx);
    const { session, result } = ctx.oidc;
    if (values.length === 0 || values.some((acr) => contexts.isReached(acr, session?.amr))) return Check.NO_NEED_TO_PROMPT;
    const possible = values.some((acr) => contexts.isKnown(acr));
    if (possible && !result?.login && (required || !ctx.oidc.prompts.has('none'))) return Check.REQUEST_PROMPT;
    // Not before somebody is there to answer for: a first sign-in is the other checks' business.
    if (required && (!possible || result?.login)) throw unmet();
    return Check.NO_NEED_TO_PROMPT;
  });
}

const unmet = () =>
  new errors.CustomOIDCProviderError(
    'unmet_authentication_requirements',
    'no sign-in of the requested authentication context class can be had here',
  );
