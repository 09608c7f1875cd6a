import { describeClient, type Registration } from '../../oidc/clients/index.js';
import { safeEqual } from '../../platform/crypto/index.js';
import { AppError } from '../../platform/errors.js';

/** Ours: nothing of them is the client's business. */
const INTERNAL = new Set(['profile', 'first_party', 'require_pkce', 'default_resource', 'token_exchange']);

/** What the server says about a registration, and a client must not send back (RFC 7592, section 2.2). */
const SAID_BY_SERVER = ['registration_access_token', 'registration_client_uri', 'client_secret_expires_at', 'client_id_issued_at'];

/** The client information response (RFC 7591, section 3.2.1; RFC 7592, section 3). */
export function registrationResponse({ client, clientSecret, managementToken }: Registration, uriOf: (clientId: string) => string) {
  const metadata = Object.entries(describeClient(client)).filter(([name]) => !INTERNAL.has(name) && !name.endsWith('_ttl_seconds'));
  return {
    ...Object.fromEntries(metadata),
    client_id: client.id,
    client_id_issued_at: Math.floor(client.createdAt.getTime() / 1000),
    ...(clientSecret === undefined ? {} : { client_secret: clientSecret, client_secret_expires_at: 0 }),
    ...(managementToken === undefined ? {} : { registration_access_token: managementToken, registration_client_uri: uriOf(client.id) }),
  };
}

/**
 * The metadata of an update, without what only names the client.
 * @throws AppError `clients.invalid` for members of the server, another id, another secret
 */
export function readReplacement(body: unknown, { client, clientSecret }: Registration): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  const { client_id: id, client_secret: secret, ...metadata } = body as Record<string, unknown>;
  const invalid = (path: string, message: string) =>
    new AppError('clients.invalid', 422, `${path} ${message}`, { details: [{ path, message }] });
  const said = SAID_BY_SERVER.find((name) => Object.hasOwn(metadata, name));
  if (said) throw invalid(said, 'must not be in an update');
  if (id !== client.id) throw invalid('client_id', 'must be the one of the client');
  if (secret !== undefined && !(typeof secret === 'string' && clientSecret !== undefined && safeEqual(secret, clientSecret)))
    throw invalid('client_secret', 'must be the present one, or left out');
  return metadata;
}
