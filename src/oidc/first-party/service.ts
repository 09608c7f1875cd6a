import { decodeJwt } from 'jose';
import { inject, type Response } from 'light-my-request';
import type { Audit } from '../../platform/audit/index.js';
import { AppError } from '../../platform/errors.js';
import type { ProviderHolder } from '../provider.js';
import type { FirstPartyTokenCheck } from './authentication.js';
import { FIRST_PARTY_CLIENT_ID } from './client.js';
import { type CheckedSignIn, FIRST_PARTY_GRANT_TYPE, type FirstPartyGrant } from './grant.js';

export type FirstPartyTokens = {
  accessToken: string;
  refreshToken: string;
  expiresInSeconds: number;
  scope: string;
  accountId: string;
  /** the sign-in, as the list of sessions names it */
  sessionId: string;
};

/** Where the application that calls the API runs, for the owner's list of sessions. */
type Origin = { ip?: string | undefined; userAgent?: string | undefined };

export type FirstParty = {
  /** Tokens for a sign-in that was checked; of too many the one that was not used for longest ends. @throws AppError `login.superseded` 401 when everything of the account was ended since it was */
  signIn(signIn: CheckedSignIn & Origin): Promise<FirstPartyTokens>;
  /** The next tokens, by the rule of every refresh token. @throws AppError `refresh.invalid_token` 401 */
  refresh(request: { refreshToken: string } & Origin): Promise<FirstPartyTokens>;
  authenticate: FirstPartyTokenCheck;
};

type TokenAnswer = { access_token: string; refresh_token: string; expires_in: number; scope: string };

export type FirstPartyDeps = {
  issuerUrl: string;
  holder: Pick<ProviderHolder, 'handle'>;
  grant: FirstPartyGrant;
  authenticate: FirstPartyTokenCheck;
  /** the registry, which opens the built-in client's secret */
  clients: { findProviderMetadata(id: string): Promise<Record<string, unknown> | undefined> };
  sessions: { endSurplusApiSignIns(accountId: string, newUid: string): Promise<number> };
  audit: Pick<Audit, 'record'>;
};

/** Sign-in and refresh go through the token endpoint, in process: rotation, binding, events and limits are there, once. */
export function createFirstParty({ issuerUrl, holder, grant, authenticate, clients, sessions, audit }: FirstPartyDeps): FirstParty {
  const { protocol, host } = new URL(issuerUrl);

  async function clientSecret(): Promise<string> {
    const secret = (await clients.findProviderMetadata(FIRST_PARTY_CLIENT_ID))?.client_secret;
    if (typeof secret !== 'string') throw new Error(`the built-in client ${FIRST_PARTY_CLIENT_ID} is gone or has no secret`);
    return secret;
  }

  async function requestTokens(parameters: Record<string, string>, { ip, userAgent }: Origin): Promise<Response> {
    const credentials = `${encodeURIComponent(FIRST_PARTY_CLIENT_ID)}:${encodeURIComponent(await clientSecret())}`;
    return inject((request, response) => void holder.handle(request, response), {
      method: 'POST',
      url: '/token',
      // What admission makes of a request that comes from outside.
      headers: {
        host,
        'x-forwarded-host': host,
        'x-forwarded-proto': protocol.slice(0, -1),
        ...(ip === undefined ? {} : { 'x-forwarded-for': ip }),
        ...(userAgent === undefined ? {} : { 'user-agent': userAgent }),
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      payload: new URLSearchParams(parameters).toString(),
    });
  }

  function read(response: Response, refused: AppError): FirstPartyTokens {
    if (response.statusCode === 503) throw unavailable(response);
    if (response.statusCode === 400) throw refused;
    if (response.statusCode !== 200) throw new Error(`the token endpoint answered ${response.statusCode} to our own API`);
    const body: TokenAnswer = response.json();
    // Made in this very process: what it says needs no proof.
    const { sub: accountId, grant_id: sessionId } = decodeJwt<{ grant_id: string }>(body.access_token);
    if (accountId === undefined) throw new Error('a token of our own API names no account');
    return {
      accessToken: body.access_token,
      refreshToken: body.refresh_token,
      expiresInSeconds: body.expires_in,
      scope: body.scope,
      accountId,
      sessionId,
    };
  }

  return {
    authenticate,
    async signIn({ accountId, generation, amr, ...origin }) {
      const request = () => requestTokens({ grant_type: FIRST_PARTY_GRANT_TYPE }, origin);
      const superseded = new AppError('login.superseded', 401, 'Your account was changed while you signed in. Sign in again.');
      const tokens = read(await grant.grantingFor({ accountId, generation, amr }, request), superseded);
      const ended = await sessions.endSurplusApiSignIns(accountId, tokens.sessionId);
      if (ended > 0) {
        const detail = { reason: 'too_many', count: ended };
        await audit.record({ type: 'session.ended', outcome: 'success', actorId: accountId, subjectId: accountId, ip: origin.ip, detail });
      }
      return tokens;
    },
    async refresh({ refreshToken, ...origin }) {
      const invalid = new AppError('refresh.invalid_token', 401, 'The refresh token is not valid any more. Sign in again.');
      return read(await requestTokens({ grant_type: 'refresh_token', refresh_token: refreshToken }, origin), invalid);
    },
  };
}

function unavailable(response: Response): AppError {
  const seconds = Number(response.headers['retry-after']);
  return new AppError('server.unavailable', 503, 'The server cannot answer right now. Try again in a moment.', {
    retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? seconds : 2,
  });
}
