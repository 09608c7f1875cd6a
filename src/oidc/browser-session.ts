import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ProviderHolder } from './provider.js';

/** Somebody who is signed in in a browser. `uid` names the session and is no secret; the cookie's value never leaves here. */
export type BrowserSession = {
  uid: string;
  accountId: string;
  signedInAt: Date;
  /** how the person proved who they are */
  amr: string[] | undefined;
};

export type BrowserSessions = {
  /** Who is signed in in this browser. Nobody for a session that has ended, expired, or never had a sign-in; makes and changes none. */
  current(request: IncomingMessage, response: ServerResponse): Promise<BrowserSession | undefined>;
  /** Takes the session cookie back from the browser, as the library's sign-out does. Ending the session itself is `sessions.end`. */
  forget(request: IncomingMessage, response: ServerResponse): void;
};

/** The session that oidc-provider keeps for a browser, for pages it does not serve itself. */
export function createBrowserSessions({ holder }: { holder: ProviderHolder }): BrowserSessions {
  return {
    async current(request, response) {
      const provider = holder.current;
      // With a context that is not the library's own, `get` only reads: it finds what the signed cookie names, or makes an empty one in memory.
      const { uid, accountId, loginTs, amr } = await provider.Session.get(provider.createContext(request, response));
      if (!accountId || loginTs === undefined) return undefined;
      return { uid, accountId, signedInAt: new Date(loginTs * 1000), amr };
    },
    forget(request, response) {
      const provider = holder.current;
      const { cookies, secure } = provider.createContext(request, response);
      cookies.set(provider.cookieName('session'), null, {
        signed: true,
        httpOnly: true,
        sameSite: 'lax',
        path: '/',
        overwrite: true,
        secure,
      });
    },
  };
}
