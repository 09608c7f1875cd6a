import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type InteractionResults } from 'oidc-provider';
import { nowSeconds } from '../platform/clock.js';
import { sha256 } from '../platform/crypto/index.js';
import { AppError } from '../platform/errors.js';
import type { InteractionStates } from './adapter/index.js';
import { ASKED_ANYWAY } from './interaction-policy.js';
import type { ProviderHolder } from './provider.js';
import type { RequestContexts } from './request-context.js';

/** What a page needs to know of the authorization request that brought the person. */
export type InteractionDetails = {
  uid: string;
  prompt: 'login' | 'consent';
  /** why the prompt was raised (oidc-provider's reason codes) */
  reasons: readonly string[];
  clientId: string;
  redirectUri: string | undefined;
  /** it is a device that waits, not this browser */
  forDevice: boolean;
  loginHint: string | undefined;
  uiLocales: string | undefined;
  /** somebody is signed in already */
  accountId: string | undefined;
  /** the browser session behind it */
  sessionUid: string | undefined;
  /** what is still to be allowed: OpenID scopes, and scopes by resource */
  missingScopes: readonly string[];
  missingResourceScopes: Readonly<Record<string, readonly string[]>>;
  missingClaims: readonly string[];
  /** every resource server that tokens are asked for, and every scope */
  askedResources: readonly string[];
  askedScopes: ReadonlySet<string>;
  /** what is asked in detail (RFC 9396), as the request has it */
  authorizationDetails: readonly unknown[];
  /** what was allowed before is asked once more, because the application wants that or is one that is always asked about */
  askedAnyway: boolean;
  /** the next request will ask again, whatever is answered */
  askedEveryTime: boolean;
  grantId: string | undefined;
  /** answered already, but the browser has not gone on yet: where it goes */
  goesOnAt: string | undefined;
};

export type Interactions = {
  /**
   * @throws AppError `interaction.expired`: it has ended; `interaction.already_used`: it was finished; `interaction.wrong_browser`: this
   *   browser carries no cookie of it
   */
  get(request: IncomingMessage, response: ServerResponse): Promise<InteractionDetails>;
  /** Whose sign-in an open interaction is and when it began, asked without its cookie: enough to name the application on a page. */
  peek(uid: string): Promise<{ clientId: string; startedAt: Date } | undefined>;
  /**
   * Each of these stores the outcome and returns where the browser goes next. An interaction is answered once, however many answers come at
   * the same moment; one that says the same as the stored one is told to go the same way (`first` is false), any other `interaction.already_used`.
   * Errors as `get`.
   * @throws AppError `login.superseded` 401 when everything of the account was ended since the password was checked
   */
  finishLogin(
    request: IncomingMessage,
    response: ServerResponse,
    outcome: { accountId: string; generation: number; remember: boolean; amr: string[] },
  ): Promise<Answered>;
  /** Grants everything that was missing. */
  finishConsent(request: IncomingMessage, response: ServerResponse, outcome: { accountId: string }): Promise<Answered>;
  cancel(request: IncomingMessage, response: ServerResponse): Promise<Answered>;
};

export type Answered = { next: string; first: boolean };

/** Reasons that the next request has as well. */
const ASKED_EVERY_TIME: ReadonlySet<string> = new Set(['native_client_prompt', 'unverified_client_prompt']);

/** How the library says that a browser has no cookie of any interaction at this address. */
const NO_COOKIE = 'interaction session id cookie not found';

const expired = (cause?: unknown) => new AppError('interaction.expired', 400, 'This sign-in is no longer open.', { cause });
const alreadyUsed = (cause?: unknown) => new AppError('interaction.already_used', 400, 'This sign-in was finished already.', { cause });

type Deps = {
  holder: ProviderHolder;
  states: InteractionStates;
  requests: Pick<RequestContexts, 'restingOn'>;
  /** Stores the client, where it is one that describes itself: grants rest on its row. */
  keepClient(clientId: string): Promise<void>;
};
type Stored = Awaited<ReturnType<ProviderHolder['current']['interactionDetails']>>;

export function createInteractions({ holder, states, requests, keepClient }: Deps): Interactions {
  const load = async (request: IncomingMessage, response: ServerResponse): Promise<Stored> => {
    try {
      return await holder.current.interactionDetails(request, response);
    } catch (cause) {
      if (!(cause instanceof errors.SessionNotFound)) throw cause;
      if (cause.error_description === NO_COOKIE)
        throw new AppError('interaction.wrong_browser', 400, 'This sign-in was not begun in this browser.', { cause });
      const uid = uidOf(request, response);
      throw (await states.stateOf(uid)) === 'finished' ? alreadyUsed(cause) : expired(cause);
    }
  };
  /** The cookie names the interaction. */
  const uidOf = (request: IncomingMessage, response: ServerResponse): string => {
    const provider = holder.current;
    return provider.createContext(request, response).cookies.get(provider.cookieName('interaction'), { signed: true }) ?? '';
  };

  const submit = async (
    request: IncomingMessage,
    response: ServerResponse,
    result: InteractionResults,
    merge: boolean,
  ): Promise<Answered> => {
    const before = await load(request, response);
    if (before.result) return follow(before, result);
    try {
      return { next: await holder.current.interactionResult(request, response, result, { mergeWithLastSubmission: merge }), first: true };
    } catch (cause) {
      if (!(cause instanceof errors.SessionNotFound)) throw cause;
      const now = await load(request, response);
      if (now.result) return follow(now, result);
      throw result.login
        ? new AppError('login.superseded', 401, 'Your account was changed while you signed in.', { cause })
        : expired(cause);
    }
  };

  return {
    async get(request, response) {
      const interaction = await load(request, response);
      const { params, prompt } = interaction;
      const text = (value: unknown) => (typeof value === 'string' ? value : undefined);
      const details = missingOf(interaction);
      return {
        uid: interaction.uid,
        prompt: prompt.name === 'consent' ? 'consent' : 'login',
        reasons: prompt.reasons,
        clientId: String(params.client_id),
        redirectUri: text(params.redirect_uri),
        forDevice: interaction.deviceCode !== undefined,
        loginHint: text(params.login_hint),
        uiLocales: text(params.ui_locales),
        accountId: interaction.session?.accountId,
        sessionUid: interaction.session?.uid,
        missingScopes: details.missingOIDCScope ?? [],
        missingResourceScopes: details.missingResourceScopes ?? {},
        missingClaims: details.missingOIDCClaims ?? [],
        askedResources: [params.resource ?? []].flat().filter((each) => typeof each === 'string'),
        askedScopes: new Set((text(params.scope) ?? '').split(' ')),
        authorizationDetails: details.rar ?? [],
        askedAnyway: prompt.reasons.some((reason) => ASKED_ANYWAY.includes(reason)),
        askedEveryTime: prompt.reasons.some((reason) => ASKED_EVERY_TIME.has(reason)),
        grantId: interaction.grantId,
        goesOnAt: interaction.result ? interaction.returnTo : undefined,
      };
    },
    async peek(uid) {
      const interaction = await holder.current.Interaction.find(uid);
      return interaction ? { clientId: String(interaction.params.client_id), startedAt: new Date(interaction.iat * 1000) } : undefined;
    },
    finishLogin: (request, response, { accountId, generation, remember, amr }) =>
      submit(request, response, { login: { accountId, generation, remember, amr, ts: nowSeconds() } }, false),
    async finishConsent(request, response, { accountId }) {
      const interaction = await load(request, response);
      const { session } = interaction;
      if (session?.accountId !== accountId) throw new AppError('interaction.expired', 400, 'Somebody else has signed in meanwhile.');
      if (interaction.result) return follow(interaction, { consent: { grantId: grantIdOf(interaction) } });
      const { Grant } = holder.current;
      await keepClient(String(interaction.params.client_id));
      const existing = interaction.grantId ? await Grant.find(interaction.grantId) : undefined;
      const grant = existing ?? new Grant({ accountId, clientId: String(interaction.params.client_id) });
      // Named after the interaction: however many answers come at once, they make one grant.
      if (!existing) grant.jti = grantIdOf(interaction);
      const missing = missingOf(interaction);
      if (missing.missingOIDCScope) grant.addOIDCScope(missing.missingOIDCScope.join(' '));
      if (missing.missingOIDCClaims) grant.addOIDCClaims(missing.missingOIDCClaims);
      for (const [resource, scopes] of Object.entries(missing.missingResourceScopes ?? {}))
        grant.addResourceScope(resource, scopes.join(' '));
      const grantId = await requests
        .restingOn(session.uid === undefined ? {} : { sessionUid: session.uid }, () => grant.save())
        .catch(refuse);
      try {
        return await submit(request, response, { consent: { grantId } }, true);
      } catch (error) {
        // Another answer was first, and it was no.
        if (!existing && error instanceof AppError && (await isUnanswered(interaction, grantId))) await grant.destroy();
        throw error;
      }
    },
    cancel: (request, response) => submit(request, response, { error: 'access_denied', error_description: 'The person cancelled.' }, false),
  };

  /** True when no answer that names this grant was stored, so that nothing will ever use it. */
  async function isUnanswered({ uid }: Stored, grantId: string): Promise<boolean> {
    if ((await states.stateOf(uid)) === 'finished') return false;
    const interaction = await holder.current.Interaction.find(uid);
    return (interaction?.result as InteractionResults | undefined)?.consent?.grantId !== grantId;
  }
}

type Missing = {
  missingOIDCScope?: string[];
  missingOIDCClaims?: string[];
  missingResourceScopes?: Record<string, string[]>;
  rar?: unknown[];
};
const missingOf = ({ prompt }: Stored) => prompt.details as Missing;

const grantIdOf = ({ uid, grantId }: Stored): string => grantId ?? sha256(`grant of interaction ${uid}`);

/** A second answer to an interaction goes where the first one goes if it says the same; a form sent twice does no harm. */
function follow({ result: stored, returnTo }: Stored, result: InteractionResults): Answered {
  const same = result.error
    ? stored?.error === result.error
    : result.consent
      ? stored?.consent !== undefined && stored.error === undefined
      : stored?.consent === undefined && stored?.login?.accountId === result.login?.accountId && stored?.error === undefined;
  if (!same) throw alreadyUsed();
  return { next: returnTo, first: false };
}

/** What the grant was to rest on has ended. */
function refuse(cause: unknown): never {
  throw cause instanceof errors.SessionNotFound || cause instanceof errors.InvalidGrant ? expired(cause) : cause;
}
