import type { AsyncLocalStorage } from 'node:async_hooks';
import { ServerResponse } from 'node:http';
import type { AdapterPayload } from 'oidc-provider';
import { nowSeconds } from '../../src/platform/clock.js';
import type { Store } from './store.js';

const COOKIE = '_session';

// The library keeps the request it is in here (`Provider.ctx` reads it) and declares no types for the file.
const storagePath: string = 'oidc-provider/lib/helpers/als.js';
const { default: requests } = (await import(storagePath)) as { default: AsyncLocalStorage<unknown> };

export type BrowserRequest = {
  /** What the library's session would be: changed by the steps below, saved at the end. */
  session: AdapterPayload & { uid: string; jti: string; oldId?: string };
  authorize(clientId: string, grantId: string): void;
  /** What resume does with the result of a login page. */
  signIn(accountId: string, generation: number): void;
  /** Something else that this request does. */
  run<T>(step: () => Promise<T>): Promise<T>;
  /** What resume does after a sign-in: a new id for the same session. */
  rotate(): void;
  save(): Promise<void>;
  /** What looking at a token that is bound to the session does. */
  readByUid(): Promise<AdapterPayload | undefined>;
  /** Sign-out. */
  destroy(): Promise<void>;
  /** The session cookie this response would set; undefined when it sets none. */
  cookie(): string | undefined;
};

/** One request of a browser that holds a session cookie, making the same adapter calls in the same order as the library's Session does. */
export async function openRequest(store: Store, cookie: string): Promise<BrowserRequest> {
  const adapter = store.adapter('Session');
  const res = new ServerResponse({ method: 'GET' } as never);
  const oidc: Record<string, unknown> = { route: 'authorization', provider: { cookieName: () => COOKIE } };
  const ctx = { oidc, res, get: () => '' };
  const run = <T>(step: () => Promise<T>): Promise<T> => requests.run(ctx, step);
  const found = await run(async () => adapter.find(cookie));
  const session = { ...found, uid: found?.uid ?? `uid-new-${cookie}`, jti: found ? cookie : `new-${cookie}` } as BrowserRequest['session'];
  oidc.session = session;
  return {
    session,
    authorize(clientId, grantId) {
      session.authorizations = { ...session.authorizations, [clientId]: { grantId, sid: `sid-${clientId}` } };
    },
    signIn(accountId, generation) {
      oidc.result = { login: { accountId, generation } };
      Object.assign(session, { accountId, loginTs: nowSeconds() });
    },
    run,
    rotate() {
      session.oldId = session.jti;
      session.jti = `${session.jti}-${Math.random().toString(36).slice(2)}`;
    },
    save: () =>
      run(async () => {
        res.setHeader('set-cookie', ['other=1', `${COOKIE}=${session.jti}; path=/`, `${COOKIE}.sig=x; path=/`]);
        const { oldId, ...payload } = session;
        if (oldId) await adapter.destroy(oldId);
        await adapter.upsert(session.jti, payload, 600);
      }),
    readByUid: () => run(async () => (await adapter.findByUid(session.uid)) ?? undefined),
    destroy: () => run(async () => void (await adapter.destroy(session.jti))),
    cookie() {
      const lines = [res.getHeader('set-cookie') ?? []].flat().map(String);
      if (!lines.includes('other=1')) throw new Error('a cookie of somebody else was lost');
      return lines.find((line) => line.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1, -'; path=/'.length);
    },
  };
}
