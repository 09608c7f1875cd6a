/**
 * The shop's own API: a resource server. It knows nothing of sessions or of the pages beside it; all
 * it has is the token of the request and the issuer's published keys. It owns `/api/orders`.
 */
import { errors, type JWTPayload, type JWTVerifyGetKey, jwtVerify } from 'jose';

export type ApiAnswer = { status: number; headers: Record<string, string>; body: unknown };

type Deps = {
  /** The issuer's name and keys. Throws while the issuer cannot be reached. */
  issuer(): Promise<{ name: string; findKey: JWTVerifyGetKey }>;
  /** This API's identifier, as registered in `resources.json`. */
  audience: string;
};

const ORDERS = [
  { id: 'A-1001', item: 'Brass key', total: '12.00 EUR', status: 'delivered' },
  { id: 'A-1002', item: 'Door latch', total: '31.50 EUR', status: 'on its way' },
];

export function createOrdersApi({ issuer, audience }: Deps) {
  /** Answers `GET /api/orders` for the value of its Authorization header (RFC 6750, RFC 9068). */
  return async function listOrders(authorization: string | undefined): Promise<ApiAnswer> {
    const token = /^Bearer ([\w.~+/=-]+)$/i.exec(authorization ?? '')?.[1];
    if (!token) return refuse(401, undefined, 'This API needs an access token.');
    let claims: JWTPayload;
    try {
      const trusted = await issuer();
      const verified = await jwtVerify(token, trusted.findKey, {
        issuer: trusted.name,
        audience,
        algorithms: ['RS256'],
        typ: 'at+jwt',
        requiredClaims: ['exp', 'sub', 'client_id'],
      });
      claims = verified.payload;
    } catch (error) {
      if (error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout)) {
        return refuse(401, 'invalid_token', 'The access token is not valid here.');
      }
      return { status: 503, headers: { 'Retry-After': '5' }, body: { error: 'temporarily_unavailable' } };
    }
    if (
      !String(claims.scope ?? '')
        .split(' ')
        .includes('orders:read')
    ) {
      return refuse(403, 'insufficient_scope', 'The scope orders:read is needed.');
    }
    return { status: 200, headers: {}, body: { customer: claims.sub, orders: ORDERS } };
  };
}

function refuse(status: number, error: string | undefined, message: string): ApiAnswer {
  const scope = error === 'insufficient_scope' ? ', scope="orders:read"' : '';
  const challenge = error ? `Bearer realm="orders", error="${error}"${scope}` : 'Bearer realm="orders"';
  return {
    status,
    headers: { 'WWW-Authenticate': challenge },
    body: { error: error ?? 'token_required', error_description: message },
  };
}
