import type { Client, Configuration, KoaContextWithOIDC } from 'oidc-provider';
import type { Config } from '../config/index.js';
import { nowSeconds } from '../platform/clock.js';

type Lifetimes = Pick<
  Config,
  | 'accessTokenTtlSeconds'
  | 'idTokenTtlSeconds'
  | 'codeTtlSeconds'
  | 'refreshTokenIdleSeconds'
  | 'refreshTokenAbsoluteSeconds'
  | 'sessionTtlSeconds'
  | 'sessionKeptTtlSeconds'
  | 'interactionTtlSeconds'
  | 'deviceCodeTtlSeconds'
  | 'backchannelRequestTtlSeconds'
>;

const DAY_SECONDS = 86_400;
const SHORTEST_QUESTION_SECONDS = 30;

/** A client's own lifetime where it has one (our client metadata), else the installation's. */
function clientTtl(client: Client | undefined, member: string): number | undefined {
  const value = client?.[member];
  return typeof value === 'number' ? value : undefined;
}

/** How long a grant must live: one made on a session's last day still carries refresh tokens for their whole life. */
export const grantTtlSeconds = (config: Lifetimes): number =>
  config.sessionKeptTtlSeconds + config.refreshTokenAbsoluteSeconds + DAY_SECONDS;

/** The lifetimes as oidc-provider asks for them, in seconds. */
export function createLifetimes(config: Lifetimes): NonNullable<Configuration['ttl']> {
  return {
    AccessToken: (_ctx, token, client) =>
      token.resourceServer?.accessTokenTTL ?? clientTtl(client, 'access_token_ttl_seconds') ?? config.accessTokenTtlSeconds,
    ClientCredentials: (_ctx, token, client) =>
      token.resourceServer?.accessTokenTTL ?? clientTtl(client, 'access_token_ttl_seconds') ?? config.accessTokenTtlSeconds,
    // FAPI 2.0 Security Profile, section 5.3.2.1: 60 seconds at most.
    AuthorizationCode: (_ctx, _code, client) => (client?.profile === 'fapi2' ? Math.min(60, config.codeTtlSeconds) : config.codeTtlSeconds),
    IdToken: (_ctx, _token, client) => clientTtl(client, 'id_token_ttl_seconds') ?? config.idTokenTtlSeconds,
    // Idle time starts anew with each rotation, but the line ends when the first of it was to end: `iiat` is when that one was issued.
    RefreshToken: (_ctx, token, client) => {
      const idle = clientTtl(client, 'refresh_token_ttl_seconds') ?? config.refreshTokenIdleSeconds;
      const left = (token.iiat ?? nowSeconds()) + config.refreshTokenAbsoluteSeconds - nowSeconds();
      return Math.max(1, Math.min(idle, left));
    },
    Grant: grantTtlSeconds(config),
    Interaction: config.interactionTtlSeconds,
    DeviceCode: config.deviceCodeTtlSeconds,
    // An application may want less (`requested_expiry`), but not so little that nobody could answer.
    BackchannelAuthenticationRequest: (ctx) => {
      const requested = Number(ctx.oidc.params?.requested_expiry ?? config.backchannelRequestTtlSeconds);
      return Math.min(config.backchannelRequestTtlSeconds, Math.max(SHORTEST_QUESTION_SECONDS, requested));
    },
    // Sessions slide, and none lives longer than a kept one from the moment of signing in.
    Session: (_ctx: KoaContextWithOIDC, session) => {
      if (!session.accountId) return config.interactionTtlSeconds;
      const sliding = session.transient ? config.sessionTtlSeconds : config.sessionKeptTtlSeconds;
      const left = (session.loginTs ?? nowSeconds()) + config.sessionKeptTtlSeconds - nowSeconds();
      return Math.max(1, Math.min(sliding, left));
    },
  };
}
