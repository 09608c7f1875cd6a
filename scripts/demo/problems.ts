/** Turns what can go wrong into words for the person, and into one line for the log without any token. */
import { AuthorizationResponseError, ClientError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client';
import { DemoError } from './relying-party.js';

export type Problem = {
  status: number;
  title: string;
  text: string;
  /** For whoever connects an application: the OAuth error and what the server said about it. */
  technical?: string;
  /** The tokens this session holds are worth nothing any more. */
  signInEnded?: boolean;
};

const SERVER_DOWN: Problem = {
  status: 503,
  title: 'The sign-in server does not answer',
  text: 'It may still be starting. Wait a moment, then try again.',
};

const BY_REASON: Record<DemoError['reason'], Problem> = {
  unknown_state: {
    status: 400,
    title: 'This sign-in cannot be finished here',
    text: 'It was already finished, or it began in another browser, or cookies are blocked. Start again from this page.',
  },
  sign_in_expired: {
    status: 400,
    title: 'This sign-in took too long',
    text: 'For your safety it has expired. Start again; it only takes a moment.',
  },
  token_refused: {
    status: 502,
    title: 'The answer could not be trusted',
    text: 'The server sent a token that did not pass every check, so you are not signed in.',
  },
  no_refresh_token: {
    status: 409,
    title: 'There is no refresh token',
    text: 'The server gave none at sign-in, so nothing can be renewed. Sign in again.',
  },
};

const BY_OAUTH_ERROR: Record<string, Problem> = {
  access_denied: {
    status: 403,
    title: 'You did not sign in',
    text: 'Nothing was shared with Demo Shop. You can try again whenever you like.',
  },
  temporarily_unavailable: SERVER_DOWN,
  invalid_client: {
    status: 502,
    title: 'The server does not know this application',
    text: 'The client id or secret of the demo is not registered there. See scripts/demo/README.md.',
  },
  invalid_target: {
    status: 502,
    title: 'The server does not know the orders API',
    text: 'Its identifier is not among the declared resources. See scripts/demo/README.md.',
  },
};

/** Explains an error of a sign-in, a refresh or a call. */
export function explain(error: unknown): Problem {
  if (error instanceof DemoError) return BY_REASON[error.reason];
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    const technical = [error.error, error.error_description].filter(Boolean).join(': ');
    if (error.error === 'invalid_grant') {
      const title = 'Your sign-in has ended';
      const text = 'The server no longer accepts it: it expired, or somebody signed out. Sign in again to go on.';
      return { status: 400, title, text, technical, signInEnded: true };
    }
    const known = BY_OAUTH_ERROR[error.error];
    if (known) return { ...known, technical };
    return { status: 502, title: 'Sign-in did not work', text: 'The server refused the request.', technical };
  }
  if (error instanceof WWWAuthenticateChallengeError) {
    const technical = error.cause.map(({ parameters }) => parameters.error ?? '').join(' ');
    const text = 'It has expired or was revoked. Use "Refresh" to get a new one.';
    return { status: 401, title: 'The access token is no longer accepted', text, technical };
  }
  if (isUnreachable(error)) return SERVER_DOWN;
  if (error instanceof ClientError) {
    const text = 'The server sent an answer that the demo does not accept.';
    return { status: 502, title: 'Sign-in did not work', text, technical: error.code };
  }
  return { status: 500, title: 'Something went wrong here', text: 'That was not your doing. Try again.' };
}

function isUnreachable(error: unknown): boolean {
  if (error instanceof ClientError) return error.code === 'OAUTH_TIMEOUT' || error.code === 'OAUTH_RESPONSE_IS_NOT_CONFORM';
  // fetch reports every network failure as a TypeError of this text.
  return error instanceof Error && (error.message === 'fetch failed' || error.name === 'TimeoutError');
}

/** One line for the log: kinds and codes only, since messages and causes may carry what was sent. */
export function describeForLog(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const code = 'error' in error ? error.error : 'code' in error ? error.code : 'reason' in error ? error.reason : '';
  return [error.constructor.name, code].filter(Boolean).join(' ');
}
