import { interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider';
import { authenticationContexts, createContextCheck } from './authentication-contexts/index.js';
import { requestedPersonalClaims } from './claims-parameter.js';
import { isUnverified } from './clients/index.js';
import { requestedScopes } from './existing-grant.js';

const { Check, base } = interactionPolicy;

/** Reasons for asking again what was allowed before. The library gives no details with them, so a page could not say what it asks. */
export const ASKED_ANYWAY: readonly string[] = ['consent_prompt', 'native_client_prompt', 'unverified_client_prompt'];

/** When a person is asked to sign in or to allow: the library's checks, and what they lack. */
export function buildInteractionPolicy() {
  const policy = base();
  // A session whose account was disabled or deleted meanwhile signs in again; without this the library would go on without an account.
  policy.get('login')?.checks.add(
    new Check('account_unavailable', 'the signed-in account is not available', 'login_required', (ctx) => {
      const { session, account } = ctx.oidc;
      return session?.accountId && !account ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
    }),
  );
  const login = policy.get('login');
  for (const reason of ['essential_acr', 'essential_acrs']) login?.checks.remove(reason);
  login?.checks.add(createContextCheck(authenticationContexts));
  const consent = policy.get('consent');
  // What is asked in detail is asked every time, of everybody, whatever was allowed before and whoever runs the application.
  const details = consent?.checks.get('rar_prompt');
  if (details) details.error = 'consent_required';
  // Native applications are asked every time by default (RFC 8252, 8.6); the operator's own are exempt, as everywhere.
  const native = consent?.checks.get('native_client_prompt');
  if (native) {
    const check = native.check;
    native.check = (ctx) => (ctx.oidc.client?.first_party ? Check.NO_NEED_TO_PROMPT : check(ctx));
  }
  // Clients that nobody here made are asked about every time, whatever was allowed before.
  consent?.checks.add(
    new Check('unverified_client_prompt', 'this client is always asked about', 'consent_required', (ctx) => {
      const { client, result } = ctx.oidc;
      return client && isUnverified(client) && !result?.consent ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
    }),
  );
  for (const reason of ASKED_ANYWAY) {
    const check = consent?.checks.get(reason);
    if (!consent || !check) continue;
    check.details = (ctx) => allRequested(ctx);
    // Details of later checks win, and those of the others name only what is new.
    consent.checks.remove(reason);
    consent.checks.add(check);
  }
  return policy;
}

/** Everything the request names, in the form in which the library's checks name what is missing. */
function allRequested(ctx: KoaContextWithOIDC) {
  const { '': missingOIDCScope = [], ...resources } = Object.fromEntries(requestedScopes(ctx));
  const missingResourceScopes = Object.fromEntries(Object.entries(resources).filter(([, scopes]) => scopes.length > 0));
  return { missingOIDCScope, missingResourceScopes, missingOIDCClaims: requestedPersonalClaims(ctx) };
}
