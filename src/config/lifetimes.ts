import { setting } from './define.js';
import * as value from './values.js';

/** How long everything lives that ends by itself. */
export const lifetimeSettings = {
  accessTokenTtlSeconds: setting({
    name: 'ACCESS_TOKEN_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'access token',
    schema: value.integer(10, 86400),
    fallback: '900',
  }),
  idTokenTtlSeconds: setting({
    name: 'ID_TOKEN_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'ID token',
    schema: value.integer(10, 86400),
    fallback: '3600',
  }),
  codeTtlSeconds: setting({
    name: 'CODE_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'authorization code',
    schema: value.integer(5, 600),
    fallback: '60',
  }),
  refreshTokenIdleSeconds: setting({
    name: 'REFRESH_TOKEN_IDLE_SECONDS',
    group: 'Lifetimes',
    meaning: 'refresh token that is not used',
    schema: value.integer(60, 31536000),
    fallback: '604800',
  }),
  refreshTokenAbsoluteSeconds: setting({
    name: 'REFRESH_TOKEN_ABSOLUTE_SECONDS',
    group: 'Lifetimes',
    meaning: 'a line of refresh tokens, from the sign-in on',
    schema: value.integer(60, 31536000),
    fallback: '2592000',
  }),
  refreshReuseWindowSeconds: setting({
    name: 'REFRESH_REUSE_WINDOW_SECONDS',
    group: 'Lifetimes',
    meaning: 'how long after its first use a refresh token is answered with the same successor again; 0: never',
    schema: value.integer(0, 300),
    fallback: '10',
  }),
  sessionTtlSeconds: setting({
    name: 'SESSION_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'browser session that is not used',
    schema: value.integer(60, 31536000),
    fallback: '86400',
  }),
  sessionKeptTtlSeconds: setting({
    name: 'SESSION_KEPT_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'browser session with "keep me signed in"; also the longest any session lives',
    schema: value.integer(60, 31536000),
    fallback: '2592000',
  }),
  interactionTtlSeconds: setting({
    name: 'INTERACTION_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'a sign-in that was begun',
    schema: value.integer(60, 86400),
    fallback: '3600',
  }),
  deviceCodeTtlSeconds: setting({
    name: 'DEVICE_CODE_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'code that a device without a keyboard shows',
    schema: value.integer(60, 3600),
    fallback: '600',
  }),
  backchannelRequestTtlSeconds: setting({
    name: 'BACKCHANNEL_REQUEST_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'question that an application puts to a person (CIBA); it may ask for less',
    schema: value.integer(60, 3600),
    fallback: '600',
  }),
  verificationTtlSeconds: setting({
    name: 'VERIFICATION_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'link in a verification mail',
    schema: value.integer(60, 2592000),
    fallback: '86400',
  }),
  resetTtlSeconds: setting({
    name: 'RESET_TTL_SECONDS',
    group: 'Lifetimes',
    meaning: 'link in a reset mail',
    schema: value.integer(60, 86400),
    fallback: '3600',
  }),
};
