import Provider, { type AdapterPayload, type KoaContextWithOIDC } from 'oidc-provider';
import type { SignIn } from './standing.js';

/** What tells a change of a session's id from its end: the session that is being saved or destroyed, as the request holds it. */
export type SessionIdentity = { uid: string; jti: string; oldId?: string | undefined; accountId?: string | undefined };

/** The session's state as this request found it: what its changes are measured against. */
export type SessionSnapshot = { version: number; sealed: string; found?: FoundSession | undefined };

/** A session as its cookie found it, and when it was last saved. */
export type FoundSession = { state: string; savedAt: Date };

/** What one request knows about the sessions it reads and writes. Outside a request nothing is known, and less is assumed. */
export type SessionContext = {
  session: SessionIdentity | undefined;
  /** The sign-in that this request turns into a session. */
  signIn?: SignIn | undefined;
  /** By uid. */
  snapshots: Map<string, SessionSnapshot>;
  /** Sessions whose save was refused in this request: it has its error already, and the library tries to save once more on the way out. */
  refused: Set<string>;
  /** Takes back the session cookie this response was to set, so that it does not overwrite the one that is valid. */
  withdrawCookie(): void;
};

// On the request's own context: see the reader of artifacts.
const MEMORY = Symbol('what this request knows of sessions');
type WithMemory = KoaContextWithOIDC & { [MEMORY]?: Pick<SessionContext, 'snapshots' | 'refused'> };

/** Everything that a session says but for how long it lives, as text. */
export const stateOf = ({ jti, accountId, loginTs, acr, amr, transient, state, authorizations }: AdapterPayload): string =>
  JSON.stringify([jti, accountId, loginTs, acr, amr, transient, state, authorizations]);

/** The session of a request as its cookie found it; undefined once this request has saved it. */
export const foundSession = (ctx: KoaContextWithOIDC, uid: string): FoundSession | undefined =>
  (ctx as WithMemory)[MEMORY]?.snapshots.get(uid)?.found;

/**
 * The only place that looks into the library's request context and the session's internals (`oldId`, the cookie already set): the adapter's
 * `destroy(oldId)` that begins a rotation and the `destroy(id)` that ends a session look the same from inside.
 * @param sessionOutsideProvider the session of a request that the library does not handle itself (our own pages)
 */
export function createSessionContexts(sessionOutsideProvider?: () => SessionIdentity | undefined): () => SessionContext {
  return () => {
    const ctx = Provider.ctx as WithMemory | undefined;
    if (!ctx) {
      return { session: sessionOutsideProvider?.(), snapshots: new Map(), refused: new Set(), withdrawCookie() {} };
    }
    ctx[MEMORY] ??= { snapshots: new Map(), refused: new Set() };
    const { snapshots, refused } = ctx[MEMORY];
    return {
      snapshots,
      refused,
      session: ctx.oidc.session as SessionIdentity | undefined,
      signIn: signInOf(ctx),
      withdrawCookie: () => withdrawSessionCookie(ctx),
    };
  };
}

/** Takes back the session cookie that the response was to set. */
export function withdrawSessionCookie(ctx: KoaContextWithOIDC): void {
  const name = ctx.oidc.provider.cookieName('session');
  const lines = [ctx.res.getHeader('set-cookie') ?? []].flat().map(String);
  const kept = lines.filter((line) => !line.startsWith(`${name}=`) && !line.startsWith(`${name}.sig=`));
  if (kept.length > 0) ctx.res.setHeader('set-cookie', kept);
  else ctx.res.removeHeader('set-cookie');
}

/** What a page stored when the person proved who they are (`InteractionResults.login`), while the library resumes with it. */
function signInOf(ctx: KoaContextWithOIDC): SignIn | undefined {
  const login = ctx.oidc.result?.login;
  if (!login) return undefined;
  const { accountId, generation } = login;
  return { accountId, generation: typeof generation === 'number' ? generation : undefined };
}

/** True outside of the library's own requests: an interaction saved there is a page's submission. */
export const isOwnPage = (): boolean => Provider.ctx === undefined;
