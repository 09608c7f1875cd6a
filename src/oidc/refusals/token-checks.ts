import { createHash } from 'node:crypto';
import { type Check, list, textOf, time } from './facts.js';
import { plainText, shownName, shownUrl, shownWords } from './redaction.js';

const start = (hash: string) => `${hash.slice(0, 8)}…`;

export const pkceVerifier: Check = ({ reason, params, source }) => {
  if (!/code_verifier/.test(reason) && !/code_challenge_method/.test(reason)) return undefined;
  const verifier = textOf(params.code_verifier);
  return {
    comparisons: [
      {
        what: 'code_verifier',
        expected:
          source?.codeChallenge === undefined
            ? 'none: the code was asked for without PKCE'
            : `one whose SHA-256 is ${start(source.codeChallenge)} (the code_challenge)`,
        received:
          verifier === undefined ? 'none' : `one whose SHA-256 is ${start(createHash('sha256').update(verifier).digest('base64url'))}`,
      },
    ],
    hints: ['Is it the verifier of this very request? Several tabs or a retry overwrite one that is kept under one name.'],
  };
};

export const codeState: Check = ({ reason, source, now, client }) => {
  const named = /^(authorization code|refresh token|device code|backchannel authentication request) (.*)$/.exec(reason);
  const label = named?.[1] ?? 'authorization code';
  if (/not found$/.test(reason) && named)
    return {
      comparisons: [{ what: label, expected: 'one that was given and is kept', received: 'one that is not known' }],
      hints: [
        'It was never given, has ended long ago, or everything was ended that it belonged to: a second use of it, a sign-out or a revocation does that.',
      ],
    };
  if (/is expired$/.test(reason) && source)
    return { comparisons: [{ what: label, expected: `used before ${time(source.exp)}`, received: `used at ${now.toISOString()}` }] };
  if (/already consumed$/.test(reason) && source)
    return {
      comparisons: [
        {
          what: label,
          expected: 'used once',
          received: typeof source.consumed === 'number' ? `used before, at ${time(source.consumed)}` : 'used before',
        },
      ],
      hints: [
        "Everything that was given for it has been ended, since one of the two uses may have been a thief's. Does the application send its request twice?",
      ],
    };
  if (reason === 'client mismatch' && source)
    return { comparisons: [{ what: 'client', expected: source.clientId ?? 'another one', received: client?.clientId ?? 'none' }] };
  return undefined;
};

export const clientAuthentication: Check = ({ error, reason, description, client, authentication, sentClientId }) => {
  if (reason === 'client not found' || (error === 'invalid_client' && !client))
    return {
      comparisons: [
        {
          what: 'client_id',
          expected: 'one that is registered',
          received: sentClientId === undefined ? 'none' : shownName(sentClientId),
        },
      ],
      hints: ['See which there are: latchkey client list'],
    };
  const mechanism = /authentication mechanism|client authentication must|no client authentication|client certificate/.test(
    reason + description,
  );
  if (mechanism && client)
    return { comparisons: [{ what: 'client authentication', expected: client.authMethod, received: authentication }] };
  if (reason === 'invalid secret provided')
    return {
      comparisons: [{ what: 'client_secret', expected: 'the secret of the client', received: `another one, by ${authentication}` }],
      hints: [
        'By client_secret_basic, both client_id and secret are form-encoded before base64 (RFC 6749, section 2.3.1). A rotated secret ends after its grace time.',
      ],
    };
  return undefined;
};

/** What a JWT says of itself, not verified. */
function peek(jwt: unknown): { header: Record<string, unknown>; payload: Record<string, unknown> } | undefined {
  try {
    const [header, payload] = String(jwt)
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
    return header && payload && typeof header === 'object' && typeof payload === 'object' ? { header, payload } : undefined;
  } catch {
    return undefined;
  }
}

const shown = (value: unknown): string =>
  value === undefined
    ? 'none'
    : Array.isArray(value)
      ? list(value.slice(0, 5).map(shown))
      : URL.canParse(String(value))
        ? shownUrl(String(value))
        : plainText(String(value), 100);

function compareJwt(jwt: unknown, expected: { iss: string; aud: readonly string[]; alg: string; now: Date }) {
  const found = peek(jwt);
  if (!found) return [{ what: 'JWT', expected: 'a signed JWT', received: 'something that cannot be read as one' }];
  const { header, payload } = found;
  return [
    { what: 'iss', expected: expected.iss, received: shown(payload.iss) },
    { what: 'aud', expected: `one of ${list(expected.aud)}`, received: shown(payload.aud) },
    { what: 'alg', expected: expected.alg, received: shown(header.alg) },
    { what: 'kid', expected: 'a key of the client', received: shown(header.kid) },
    ...['exp', 'nbf', 'iat'].flatMap((claim) =>
      payload[claim] === undefined && claim !== 'exp'
        ? []
        : [
            {
              what: claim,
              expected: `${claim === 'exp' ? 'after' : 'not after'} the time here, ${expected.now.toISOString()}`,
              received: time(payload[claim]),
            },
          ],
    ),
  ];
}

/** Clocks that differ by more than the tolerance are the usual cause; by how much is said. */
function clockHint(jwt: unknown, now: Date): string[] {
  const iat = peek(jwt)?.payload.iat;
  if (typeof iat !== 'number') return [];
  const ahead = Math.round(iat - now.getTime() / 1000);
  if (Math.abs(ahead) < 15) return [];
  return [
    `The clock of whoever made the JWT is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} the one here, or the JWT was kept that long.`,
  ];
}

export const assertion: Check = ({ error, params, client, acceptedAudiences, now }) => {
  if (error !== 'invalid_client' || params.client_assertion === undefined || !client) return undefined;
  const alg = client.assertionAlg ?? 'one that the metadata names';
  return {
    comparisons: compareJwt(params.client_assertion, { iss: client.clientId, aud: acceptedAudiences, alg, now }),
    hints: clockHint(params.client_assertion, now),
  };
};

export const requestObject: Check = ({ error, params, client, issuer, now }) => {
  if (error !== 'invalid_request_object' || params.request === undefined || !client) return undefined;
  const alg = client.requestObjectAlg ?? 'one that the metadata names';
  return {
    comparisons: compareJwt(params.request, { iss: client.clientId, aud: [issuer], alg, now }),
    hints: clockHint(params.request, now),
  };
};

export const grantType: Check = ({ error, description, params, client }) =>
  error === 'unsupported_grant_type' ||
  error === 'unauthorized_client' ||
  /grant type is not allowed|not allowed for this client/.test(description)
    ? {
        comparisons: [
          { what: 'grant_type', expected: list(client?.grantTypes ?? []), received: shownWords(String(params.grant_type ?? 'none')) },
        ],
      }
    : undefined;
