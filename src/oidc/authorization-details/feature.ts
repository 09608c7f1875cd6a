import { type Client, errors, type KoaContextWithOIDC } from 'oidc-provider';
import { AppError } from '../../platform/errors.js';
import type { AuthorizationDetailsType, Resource, Resources } from '../resources/index.js';
import { type Fact, factsOf } from './describe.js';
import { areParts, isWithin } from './narrowing.js';
import { findFault } from './validate.js';

/** One entry of `authorization_details`. */
export type Detail = { type: string } & Record<string, unknown>;
/** One entry in words. */
export type DescribedDetail = { resource: string; description: string; facts: Fact[] };

type Token = { rar?: Detail[] | undefined; resourceServer?: { audience?: unknown } | undefined };

export type AuthorizationDetails = {
  /** the library's feature */
  feature: {
    enabled: true;
    types: Record<string, { validate(ctx: KoaContextWithOIDC, detail: Detail, client: Client): void }>;
    authorizationDetailsForGrantSource(ctx: KoaContextWithOIDC): Detail[] | undefined;
    authorizationDetailsForAccessToken(ctx: KoaContextWithOIDC, token: Token, source: Token | undefined): Detail[] | undefined;
    authorizationDetailsForIntrospection(ctx: KoaContextWithOIDC, token: Token): Detail[] | undefined;
  };
  /** All of what is asked for, in words. @throws AppError `interaction.expired` when it cannot be: the declarations have changed since it was asked */
  describe(details: readonly unknown[]): DescribedDetail[];
};

const MAX_CHARS = 8192;
const MAX_DETAILS = 10;
/** Where a person is asked, or was. */
const GRANTS: ReadonlySet<unknown> = new Set([
  undefined,
  'authorization_code',
  'refresh_token',
  'urn:ietf:params:oauth:grant-type:device_code',
]);

export function createAuthorizationDetails({
  resources,
}: {
  resources: Pick<Resources, 'list' | 'findDetailsType'>;
}): AuthorizationDetails {
  const find = (type: string) => resources.findDetailsType(type);

  /** @throws InvalidAuthorizationDetails */
  function validate(ctx: KoaContextWithOIDC, detail: Detail, client: Client): void {
    const {
      authorization_details: text = '',
      grant_type: grant,
      resource = client.default_resource ?? [],
    } = ctx.oidc.params as Record<string, unknown>;
    if (!GRANTS.has(grant) || ctx.oidc.route === 'backchannel_authentication')
      throw refusal('authorization details are not for this grant');
    // The library takes the parts one by one; here each of them is told what is wrong with the whole.
    if (String(text).length > MAX_CHARS || (JSON.parse(String(text)) as unknown[]).length > MAX_DETAILS)
      throw refusal(`authorization details must have at most ${MAX_CHARS} characters and ${MAX_DETAILS} entries`);
    const known = find(detail.type);
    const allowed = client.authorizationDetailsTypes as readonly string[] | undefined;
    if (!known || !allowed?.includes(detail.type)) throw refusal('the client may not ask for details of this type');
    if (![resource].flat().includes(known.resource.identifier))
      throw refusal(`authorization details of this type need the resource ${known.resource.identifier}`);
    const fault = faultOf(known, detail);
    if (fault) throw refusal(fault);
  }

  const grantedFor = (audience: unknown, details: readonly Detail[]): Detail[] | undefined => {
    const own = details.filter(({ type }) => audience !== undefined && find(type)?.resource.identifier === audience);
    return own.length > 0 ? own : undefined;
  };

  return {
    feature: {
      enabled: true,
      types: Object.fromEntries(
        resources.list().flatMap(({ authorizationDetailsTypes = [] }) => authorizationDetailsTypes.map(({ type }) => [type, { validate }])),
      ),
      // Details are asked about every time (the library's `rar_prompt`), so what was consented to is what this very request says, and nothing of another one.
      authorizationDetailsForGrantSource: (ctx) => (ctx.oidc.result?.consent ? detailsIn(ctx) : undefined),
      authorizationDetailsForAccessToken(ctx, token, source) {
        const granted = source?.rar ?? [];
        const asked = detailsIn(ctx);
        if (asked && !areParts(asked, granted, (detail, other) => isPartOf(find(detail.type)?.declared, detail, other)))
          throw refusal('more is asked for than was granted');
        return grantedFor(token.resourceServer?.audience, asked ?? granted);
      },
      authorizationDetailsForIntrospection: (_ctx, token) => token.rar,
    },
    describe: (details) =>
      details.map((each) => {
        const detail = each as Detail;
        const known = find(detail.type);
        if (!known || faultOf(known, detail))
          throw new AppError('interaction.expired', 400, 'What this request asks for is not known here any more.');
        const { resource, declared } = known;
        return { resource: resource.name, description: declared.description, facts: factsOf(declared.members, detail) };
      }),
  };
}

const refusal = (description: string) => new errors.InvalidAuthorizationDetails(description);

const detailsIn = (ctx: KoaContextWithOIDC): Detail[] | undefined => {
  const { authorization_details: text } = ctx.oidc.params as { authorization_details?: string };
  return text === undefined ? undefined : (JSON.parse(text) as Detail[]);
};

/** `locations` can only say which resource server is meant, and the type says that too. */
function faultOf({ resource, declared }: { resource: Resource; declared: AuthorizationDetailsType }, detail: Detail): string | undefined {
  const { type, locations, ...members } = detail;
  if (locations !== undefined && !(Array.isArray(locations) && locations.length === 1 && locations[0] === resource.identifier))
    return `${type}: locations must be ["${resource.identifier}"], or left out`;
  return findFault(declared.members, members, type);
}

const isPartOf = (declared: AuthorizationDetailsType | undefined, asked: Detail, granted: Detail): boolean =>
  declared !== undefined && asked.type === granted.type && isWithin(declared.members, asked, granted);
