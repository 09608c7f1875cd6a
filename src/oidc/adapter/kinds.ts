import { errors } from 'oidc-provider';

/** The 12 of oidc-provider's 15 models that share one table. */
export const artifactKinds = [
  'AccessToken',
  'AuthorizationCode',
  'RefreshToken',
  'ClientCredentials',
  'InitialAccessToken',
  'RegistrationAccessToken',
  'DeviceCode',
  'Interaction',
  'ReplayDetection',
  'BackchannelAuthenticationRequest',
  'PreAuthorizedCode',
  'PushedAuthorizationRequest',
] as const;

export type ArtifactKind = (typeof artifactKinds)[number];

export function isArtifactKind(name: string): name is ArtifactKind {
  return (artifactKinds as readonly string[]).includes(name);
}

/** What a second use of a single-use artifact leads to, besides being refused. */
export type SecondUse = 'revoke_grant' | 'refuse_only';

export type KindRules = {
  /** Lives and dies with the grant its payload names. An interaction names one too, but is a conversation about it, not a right from it. */
  underGrant: boolean;
  /**
   * Present where the kind works once. The library revokes the grant when it *reads* a used one; the answer here is for those who read it
   * unused and lost the race to use it, and it must be the same one. Refresh tokens have a reuse window before that (refresh-tokens.ts).
   */
  secondUse?: SecondUse;
  /** Approved in a browser: nothing is saved for a session that has been ended meanwhile. */
  fromSession?: true;
  /** What the library would say if it had found the artifact used, revoked or gone. */
  refusal(detail: string): Error;
};

const invalidGrant = (detail: string) => new errors.InvalidGrant(detail);
const invalidToken = (detail: string) => new errors.InvalidToken(detail);
const sessionNotFound = () => new errors.SessionNotFound('interaction session not found');
const invalidRequestUri = () => new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used');

export const kindRules: Record<ArtifactKind, KindRules> = {
  AccessToken: { underGrant: true, refusal: invalidGrant },
  AuthorizationCode: { underGrant: true, secondUse: 'revoke_grant', fromSession: true, refusal: invalidGrant },
  RefreshToken: { underGrant: true, secondUse: 'revoke_grant', refusal: invalidGrant },
  ClientCredentials: { underGrant: false, refusal: invalidGrant },
  InitialAccessToken: { underGrant: false, refusal: invalidToken },
  RegistrationAccessToken: { underGrant: false, refusal: invalidToken },
  DeviceCode: { underGrant: true, secondUse: 'revoke_grant', fromSession: true, refusal: invalidGrant },
  Interaction: { underGrant: false, refusal: sessionNotFound },
  ReplayDetection: { underGrant: false, refusal: invalidGrant },
  BackchannelAuthenticationRequest: { underGrant: true, secondUse: 'revoke_grant', fromSession: true, refusal: invalidGrant },
  PreAuthorizedCode: { underGrant: true, secondUse: 'revoke_grant', refusal: invalidGrant },
  PushedAuthorizationRequest: { underGrant: false, secondUse: 'refuse_only', refusal: invalidRequestUri },
};

const firstGrantTypes = new Set(['authorization_code', 'device_code', 'ciba', 'pre_authorized_code']);

/**
 * True for the tokens that the redemption of a code itself gives (a refreshed token's `gty` goes on with ` refresh_token`).
 *
 * Such a token may find its grant already dead: somebody redeemed the same code a moment later and, as the rule says, revoked what the code
 * gave. The redemption happened when the code was consumed, and that succeeded; so its client is answered 200, with tokens that were never
 * stored: exactly what it would see had the second redemption come one millisecond after its answer ("one 200, then dead"). Refusing here
 * instead would let anybody who replays a code fast enough turn one success into none. Where a code is used up by the statement that stores its tokens
 * (token-writes.ts) this cannot happen; device codes and backchannel requests are used up before.
 */
export function isFirstFruit(kind: ArtifactKind, gty: string | undefined): boolean {
  return (kind === 'AccessToken' || kind === 'RefreshToken') && gty !== undefined && firstGrantTypes.has(gty);
}
