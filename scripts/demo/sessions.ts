import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Checked } from './verify.js';

/** What has to be remembered between leaving for the issuer and coming back. */
export type PendingSignIn = { nonce: string; codeVerifier: string; startedAtMs: number };

/** Everything the demo holds for a person who is signed in. Tokens stay here, on the server. */
export type SignedIn = {
  subject: string;
  nonce: string;
  idToken: string;
  /** Opaque: good for userinfo and nothing else. */
  accessToken: string;
  refreshToken?: string | undefined;
  scope: string;
  identity: Checked;
  userinfo?: { answer: unknown; accessTokenFingerprint: string; accessTokenLength: number };
  orders?: { token: Checked; status: number; answer: unknown };
  rotation?: { before: string; after: string; accessTokenChanged: boolean };
};

export type Session = {
  id: string;
  createdAtMs: number;
  /** By `state`, so that two tabs may sign in side by side. */
  pending: Map<string, PendingSignIn>;
  signedIn?: SignedIn | undefined;
  /** Shown once at the top of the next page. */
  notice?: { kind: 'good' | 'bad'; text: string } | undefined;
  /** The `state` of a sign-out that is under way at the issuer. */
  signOutState?: string | undefined;
  /** The end of the work that runs for this session: a refresh token must be used by one at a time. */
  turn: Promise<unknown>;
};

const COOKIE = 'demo_session';
const SESSION_LIFETIME_MS = 12 * 3600 * 1000;
const MAX_SESSIONS = 1000;
const MAX_PENDING = 5;

function readCookie(request: IncomingMessage): string | undefined {
  for (const part of (request.headers.cookie ?? '').split(';')) {
    const [name, value] = part.trim().split('=');
    if (name === COOKIE) return value;
  }
  return undefined;
}

/** Sessions in memory: they end with the process, which is all a demo needs. */
export function createSessions() {
  const sessions = new Map<string, Session>();

  function find(request: IncomingMessage): Session | undefined {
    const session = sessions.get(readCookie(request) ?? '');
    if (session && session.createdAtMs + SESSION_LIFETIME_MS < Date.now()) {
      sessions.delete(session.id);
      return undefined;
    }
    return session;
  }

  /**
   * Opens a session and sets its cookie. SameSite=Lax: the browser sends it when the issuer sends
   * the person back (a top-level GET), and never with another site's form. On https, add `Secure`
   * and call the cookie `__Host-...`.
   */
  function open(response: ServerResponse): Session {
    for (const oldest of sessions.keys()) {
      if (sessions.size < MAX_SESSIONS) break;
      sessions.delete(oldest);
    }
    const session: Session = {
      id: randomBytes(32).toString('base64url'),
      createdAtMs: Date.now(),
      pending: new Map(),
      turn: Promise.resolve(),
    };
    sessions.set(session.id, session);
    response.setHeader('Set-Cookie', `${COOKIE}=${session.id}; Path=/; HttpOnly; SameSite=Lax`);
    return session;
  }

  /** Ends a session and opens a fresh one under a new id, so that a known id is never worth anything. */
  function replace(session: Session, response: ServerResponse): Session {
    sessions.delete(session.id);
    const fresh = open(response);
    fresh.pending = session.pending;
    return fresh;
  }

  return { find, open, replace };
}

export type Sessions = ReturnType<typeof createSessions>;

/** Remembers a sign-in that begins; the oldest of too many are forgotten. */
export function rememberPending(session: Session, state: string, pending: PendingSignIn): void {
  for (const oldest of session.pending.keys()) {
    if (session.pending.size < MAX_PENDING) break;
    session.pending.delete(oldest);
  }
  session.pending.set(state, pending);
}

/** Takes a sign-in out by its `state`: a second answer with the same state finds nothing. */
export function takePending(session: Session | undefined, state: string): PendingSignIn | undefined {
  const pending = session?.pending.get(state);
  session?.pending.delete(state);
  return pending;
}

/** Runs `work` when all earlier work of this session is done. */
export function inTurn<T>(session: Session, work: () => Promise<T>): Promise<T> {
  const result = session.turn.then(work);
  session.turn = result.catch(() => undefined);
  return result;
}
