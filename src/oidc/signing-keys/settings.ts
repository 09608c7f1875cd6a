import { SIGNING_ALGS, type SigningAlg } from './lifecycle.js';

export type SigningKeySettings = {
  /** What tokens can be signed with, the default first. Each algorithm has a line of keys of its own. */
  algs: readonly SigningAlg[];
  /** Size of new RSA keys, at least 2048. */
  rsaBits: number;
  /** How long a key signs before the next takes over. */
  rotationSeconds: number;
  /** How long others may cache the JWKS (its Cache-Control max-age). */
  jwksMaxAgeSeconds: number;
  /**
   * How long a key is published before it may sign. Every cache filled before the key was published has run out after one cache lifetime;
   * the default is two, and a minute at least, for processes that notice late, clocks that differ and caches that keep a little longer.
   */
  publishAheadSeconds: number;
  /** The longest a sign-in lasts: an ID token is accepted as a hint so long after it was signed (OpenID Connect RP-Initiated Logout, section 2). */
  longestSignInSeconds: number;
  /** The longest lifetime that an access or ID token may have, the clients' and resources' own ones included. */
  longestTokenTtlSeconds: number;
  /** How long a key stays published after it signed last. The default covers both of the above. */
  retainSeconds: number;
};

const DAY_SECONDS = 86_400;

/** Completes settings with their defaults, those that follow from others included. */
export function completeSettings(settings: Partial<SigningKeySettings>): SigningKeySettings {
  const given = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as Partial<SigningKeySettings>;
  const jwksMaxAgeSeconds = given.jwksMaxAgeSeconds ?? 3600;
  const longestSignInSeconds = given.longestSignInSeconds ?? 30 * DAY_SECONDS;
  const longestTokenTtlSeconds = given.longestTokenTtlSeconds ?? DAY_SECONDS;
  return {
    algs: ['RS256'],
    rsaBits: 2048,
    rotationSeconds: 30 * DAY_SECONDS,
    publishAheadSeconds: jwksMaxAgeSeconds + Math.max(jwksMaxAgeSeconds, 60),
    retainSeconds: longestSignInSeconds + longestTokenTtlSeconds,
    ...given,
    jwksMaxAgeSeconds,
    longestSignInSeconds,
    longestTokenTtlSeconds,
  };
}

/** What is wrong with settings, each with its mend. `refused` ones cannot run at all; the others run, and some token fails some day. */
export function findSettingsFaults(settings: Partial<SigningKeySettings>): { refused: string[]; unhealthy: string[] } {
  const complete = completeSettings(settings);
  const refused: string[] = [];
  const unhealthy: string[] = [];
  if (complete.algs.length === 0) refused.push('at least one signing algorithm is needed: RS256 is what every application understands');
  for (const alg of complete.algs) {
    if (!SIGNING_ALGS.includes(alg))
      refused.push(`${String(alg)} is not a signing algorithm of this server: use ${SIGNING_ALGS.join(', ')}`);
  }
  if (new Set(complete.algs).size !== complete.algs.length) refused.push('a signing algorithm is named twice');
  if (!(complete.rsaBits >= 2048 && complete.rsaBits <= 8192)) refused.push('RSA keys must have 2048 to 8192 bits');
  for (const name of ['rotationSeconds', 'publishAheadSeconds', 'retainSeconds', 'jwksMaxAgeSeconds'] as const) {
    if (!Number.isSafeInteger(complete[name]) || complete[name] < 0) refused.push(`${name} must be a whole number of seconds`);
  }
  if (complete.publishAheadSeconds < complete.jwksMaxAgeSeconds) {
    unhealthy.push(
      `keys sign ${complete.publishAheadSeconds} s after they are published, but the JWKS may be cached for ${complete.jwksMaxAgeSeconds} s: publish them earlier`,
    );
  }
  if (complete.retainSeconds < complete.longestSignInSeconds || complete.retainSeconds < complete.longestTokenTtlSeconds) {
    unhealthy.push(
      `retired keys stay published for ${complete.retainSeconds} s, but what they signed is verified for up to ${Math.max(complete.longestSignInSeconds, complete.longestTokenTtlSeconds)} s: keep them longer`,
    );
  }
  return { refused, unhealthy };
}
