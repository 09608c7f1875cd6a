import { z } from 'zod';
import { declarationError, faultsOf, findHostileMembers } from '../../platform/declarations/index.js';
import type { ErrorDetail } from '../../platform/errors.js';
import { type AuthorizationDetailsType, detailsType } from './details-types.js';

export type ResourceScope = { name: string; description: string | null };

export type Resource = {
  identifier: string;
  name: string;
  scopes: readonly ResourceScope[];
  accessTokenFormat: 'jwt' | 'opaque';
  /** null: the installation's */
  accessTokenTtlSeconds: number | null;
  /** what its JWTs say about their person besides the subject */
  accessTokenClaims?: readonly AuthorizationClaim[];
  /** kinds of authorization details that it understands (RFC 9396) */
  authorizationDetailsTypes?: readonly AuthorizationDetailsType[];
  /** only clients that the operator calls first-party may have its tokens, and only for a person */
  firstPartyOnly?: boolean;
  /** false: only clients that an operator made may have its tokens */
  unverifiedClients?: boolean;
};

/** What somebody may do, as claims (RFC 9068, section 2.2.3.1). */
export const AUTHORIZATION_CLAIMS = ['roles', 'permissions'] as const;
export type AuthorizationClaim = (typeof AUTHORIZATION_CLAIMS)[number];

/** Scopes with a meaning of their own (OpenID Connect Core, sections 5.4 and 11; the last two are ours), which no resource server can have. */
export const OPENID_SCOPES: ReadonlySet<string> = new Set([
  ...['openid', 'profile', 'email', 'address', 'phone', 'offline_access'],
  ...AUTHORIZATION_CLAIMS,
]);

/** RFC 6749, section 3.3. */
export const scopeNamePattern = /^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/;

const scopeName = z
  .string()
  .regex(scopeNamePattern, 'must be a scope: visible ASCII without spaces, quotes and backslashes')
  .refine((name) => !OPENID_SCOPES.has(name), 'is a scope of the server itself: choose another name');

/** A bare name stands for a scope without a description. */
const scope = z.preprocess(
  (value) => (typeof value === 'string' ? { name: value } : value),
  z
    .strictObject({ name: scopeName, description: z.string().trim().min(1).max(200).nullish() })
    .transform(({ name, description }): ResourceScope => ({ name, description: description ?? null })),
);

const resource = z
  .strictObject({
    identifier: z
      .string()
      .max(512)
      .superRefine((value, context) => {
        const fault = identifierFault(value);
        if (fault) context.addIssue(fault);
      }),
    name: z.string().trim().min(1).max(100),
    scopes: z.array(scope).max(200).default([]),
    access_token_format: z.enum(['jwt', 'opaque']).default('jwt'),
    access_token_ttl_seconds: z.int().min(10).max(86_400).nullish(),
    unverified_clients: z.boolean().default(true),
    access_token_claims: z.array(z.enum(AUTHORIZATION_CLAIMS)).max(AUTHORIZATION_CLAIMS.length).default([]),
    authorization_details_types: z.array(detailsType).max(50).default([]),
  })
  .transform(
    ({
      identifier,
      name,
      scopes,
      access_token_format,
      access_token_ttl_seconds,
      access_token_claims,
      authorization_details_types: types,
      unverified_clients,
    }): Resource => ({
      identifier,
      name,
      scopes,
      accessTokenFormat: access_token_format,
      accessTokenTtlSeconds: access_token_ttl_seconds ?? null,
      accessTokenClaims: access_token_claims,
      unverifiedClients: unverified_clients,
      ...(types.length > 0 ? { authorizationDetailsTypes: types } : {}),
    }),
  );

/** RFC 8707, section 2: an absolute URI without a fragment. */
function identifierFault(value: string): string | null {
  if (!/^[\x21-\x7e]+$/.test(value) || !URL.canParse(value)) return 'must be an absolute URI, such as https://api.example.com';
  if (value.includes('#')) return 'must not have a fragment (RFC 8707, section 2)';
  const { protocol, username, password } = new URL(value);
  if (!['https:', 'http:', 'urn:'].includes(protocol)) return 'must be an https, http or urn URI';
  if (username || password) return 'must not carry a user name or password';
  return null;
}

/**
 * Checks declared resource servers.
 * @param label what the paths begin with
 * @throws AppError `resources.invalid` with every fault and its path
 */
export function parseResources(input: unknown, label = 'RESOURCES_FILE'): Resource[] {
  const fail = (faults: ErrorDetail[]) => declarationError('resources.invalid', 422, faults);
  const hostile = findHostileMembers(input, label);
  if (hostile.length > 0) throw fail(hostile);
  const result = z
    .array(resource)
    .max(1000)
    .safeParse(input ?? []);
  if (!result.success) throw fail(faultsOf(result.error, label));
  const faults = result.data.flatMap((entry, index) => [
    ...duplicateFaults(entry.scopes.map(({ name }) => name)).map((at) => ({
      path: `${label}[${index}].scopes[${at}]`,
      message: 'is there twice',
    })),
    ...(result.data.findIndex(({ identifier }) => identifier === entry.identifier) < index
      ? [{ path: `${label}[${index}].identifier`, message: 'is also that of another resource server' }]
      : []),
  ]);
  const seenTypes = new Set<string>();
  for (const [index, { authorizationDetailsTypes = [] }] of result.data.entries()) {
    for (const [at, { type }] of authorizationDetailsTypes.entries()) {
      // A request names a type alone, so a type has one resource server.
      if (seenTypes.has(type))
        faults.push({ path: `${label}[${index}].authorization_details_types[${at}].type`, message: 'is there twice' });
      seenTypes.add(type);
    }
  }
  if (faults.length > 0) throw fail(faults);
  return result.data;
}

const duplicateFaults = (values: readonly string[]): number[] =>
  values.flatMap((value, index) => (values.indexOf(value) < index ? [index] : []));
