/**
 * Owns: saying why oidc-provider refused a request: what was expected and what came, for the operator and the application's developer, under a short
 * id that the answer carries (the header `X-Explain-Id`, error pages, and `error_description` where a browser is sent back to the application).
 * Does not own: refusing; keeping explanations (platform/explanations).
 */
import { type KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Audit } from '../../platform/audit/index.js';
import type { Explanations } from '../../platform/explanations/index.js';
import { afterwards, isForPrograms } from '../afterwards.js';
import { supportedScopes } from '../configuration.js';
import type { ProviderExtension } from '../provider.js';
import type { Resources } from '../resources/index.js';
import { buildExplanation } from './explanation.js';
import type { FoundSource } from './facts.js';
import { readFacts } from './request.js';

/** An error of the library: its code, what it tells, what it does not tell. */
export type Refusal = Error & { error_description?: string; error_detail?: string };

export type Refusals = {
  /** Attached to every provider: refusals are noted, and answers carry the id. */
  extension: ProviderExtension;
  /** The id of a refusal that is about to be shown. */
  explain(ctx: KoaContextWithOIDC, error: Refusal): string | undefined;
};

export type RefusalsDeps = {
  explanations: Pick<Explanations, 'note'>;
  audit: Pick<Audit, 'recordSoon'>;
  resources: Pick<Resources, 'list' | 'scopes'>;
  sessionCookie: string;
  requestIdOf(ctx: KoaContextWithOIDC): string | undefined;
};

export const EXPLAIN_HEADER = 'X-Explain-Id';

/** Where refusals happen, by the library's names. */
const ROUTES = [
  ...['authorization', 'pushed_authorization_request', 'grant', 'userinfo', 'introspection', 'revocation', 'device_authorization'],
  ...['code_verification', 'device_resume', 'end_session', 'end_session_confirm', 'backchannel_authentication'],
];

/** What is a refusal by name only: a device waits, a nonce is handed out, a JWT is looked at by us. */
const NO_REFUSALS = new Set(['AuthorizationPending', 'SlowDown', 'UseDpopNonce', 'UnsupportedTokenType', 'ReRenderError']);

export function createRefusals({ explanations, audit, resources, sessionCookie, requestIdOf }: RefusalsDeps): Refusals {
  const sources = new WeakMap<object, FoundSource>();
  const noted = new WeakMap<object, { error: Refusal; id: string | undefined }>();

  function explain(ctx: KoaContextWithOIDC, error: Refusal): string | undefined {
    const requestId = requestIdOf(ctx);
    // Without one it is no request from outside, and nobody is told.
    if (NO_REFUSALS.has(error.name) || requestId === undefined) return undefined;
    const before = noted.get(ctx);
    if (before?.error === error) return before.id;
    // Of several the last one counts: a redirect URI that does not fit is found after what was refused first, and is what is answered.
    const facts = readFacts(ctx, error, {
      source: sources.get(ctx),
      resources: resources.list().map(({ identifier }) => identifier),
      scopes: [...supportedScopes, ...resources.scopes()],
      sessionCookie,
    });
    const id = explanations.note(buildExplanation(facts), { ip: ctx.ip, requestId });
    noted.set(ctx, { error, id });
    return id;
  }

  function extension(provider: Provider): void {
    noteSources(provider, sources);
    const listen = provider.on.bind(provider) as (event: string, listener: (ctx: KoaContextWithOIDC, error: Refusal) => void) => unknown;
    for (const route of ROUTES) {
      listen(`${route}.error`, (ctx, error) => {
        const id = explain(ctx, error);
        if (id !== undefined && !ctx.headerSent) ctx.set(EXPLAIN_HEADER, id);
        // Refusals at the token endpoint have an event of their own.
        if (route !== 'grant' && error.message === 'invalid_client' && ctx.oidc?.route !== 'authorization') reportClient(ctx);
      });
    }
    // Programs have the id in the header by now; browsers are shown pages, or sent on.
    const isProgram = isForPrograms(provider);
    afterwards(
      provider,
      (ctx) => !isProgram(ctx),
      (ctx) => {
        const id = noted.get(ctx)?.id;
        if (id === undefined) return;
        ctx.set(EXPLAIN_HEADER, id);
        const location = ctx.response.get('Location');
        if (location) ctx.set('Location', withId(location, id));
      },
    );
  }

  const reportClient = (ctx: KoaContextWithOIDC) =>
    audit.recordSoon({
      type: 'client.refused',
      outcome: 'failure',
      clientId: ctx.oidc.client?.clientId,
      ip: ctx.ip,
      detail: { endpoint: ctx.oidc.route },
    });
  return { extension, explain };
}

/** A redirect to an application says the id in `error_description` (RFC 6749, section 4.1.2.1), since applications log that. */
const withId = (location: string, id: string): string =>
  location.replace(/([?&#]error_description=[^&#]*)/, `$1${encodeURIComponent(` (explain ${id})`)}`);

type Findable = { find(...args: unknown[]): Promise<Record<string, unknown> | undefined> };

/** The library looks at what it finds and lets go of it when it refuses; what it found is half of the explanation. */
function noteSources(provider: Provider, sources: WeakMap<object, FoundSource>): void {
  const models = [provider.AuthorizationCode, provider.RefreshToken, provider.DeviceCode, provider.BackchannelAuthenticationRequest];
  for (const model of models as unknown as (Findable & { name: string })[]) {
    const find = model.find;
    model.find = async function findAndNote(this: Findable, ...args) {
      const found = await find.apply(this, args);
      const ctx = Provider.ctx;
      if (found && ctx) sources.set(ctx, { ...pick(found), kind: model.name });
      return found;
    };
  }
}

const pick = (found: Record<string, unknown>): Omit<FoundSource, 'kind'> => {
  const text = (name: string) => (typeof found[name] === 'string' ? found[name] : undefined);
  return {
    redirectUri: text('redirectUri'),
    codeChallenge: text('codeChallenge'),
    codeChallengeMethod: text('codeChallengeMethod'),
    exp: typeof found.exp === 'number' ? found.exp : undefined,
    consumed: found.consumed,
    clientId: text('clientId'),
    scope: text('scope'),
  };
};
