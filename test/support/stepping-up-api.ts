import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { type Listening, listenHttp } from './listening.js';

/** What a call of the API wants of the sign-in behind a token. */
export type Demand = { acr?: readonly string[]; maxAgeSeconds?: number };

/**
 * A resource server that asks for a better sign-in where one is needed (RFC 9470, section 3). It knows nothing but the issuer and its own name.
 * @param options.tell what a token is worth: its claims, or null. Left out: JWTs are verified with the published keys
 */
export async function startSteppingUpApi(
  issuer: string,
  audience: string,
  demands: Record<string, Demand>,
  { tell }: { tell?: (token: string) => Promise<JWTPayload | null> } = {},
): Promise<Listening> {
  const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`));
  const verify = async (token: string): Promise<JWTPayload | null> => {
    if (tell) return tell(token);
    return jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt', algorithms: ['RS256'] }).then(
      ({ payload }) => payload,
      () => null,
    );
  };
  return listenHttp(async (request, response) => {
    const refuse = (challenge: string) => response.writeHead(401, { 'WWW-Authenticate': challenge }).end();
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (!token) return void refuse('Bearer');
    const claims = await verify(token);
    if (!claims) return void refuse('Bearer error="invalid_token"');
    const { acr, maxAgeSeconds } = demands[request.url ?? ''] ?? {};
    const old = maxAgeSeconds !== undefined && !(Math.floor(Date.now() / 1000) - Number(claims.auth_time) <= maxAgeSeconds);
    const weak = acr !== undefined && !acr.includes(String(claims.acr));
    if (!old && !weak) return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(claims));
    refuse(
      [
        'Bearer error="insufficient_user_authentication", error_description="a better sign-in is needed"',
        ...(maxAgeSeconds === undefined ? [] : [`max_age="${maxAgeSeconds}"`]),
        ...(acr === undefined ? [] : [`acr_values="${acr.join(' ')}"`]),
      ].join(', '),
    );
  });
}
