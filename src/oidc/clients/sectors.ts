import type { ErrorDetail } from '../../platform/errors.js';
import { CIBA, DEVICE_CODE } from './capabilities.js';
import { invalidMetadata } from './errors.js';
import type { ClientMetadata } from './metadata.js';
import type { ClientSource } from './record.js';

/**
 * Fetches what is at a `sector_identifier_uri`.
 * @param options.trusted the operator stands behind the address
 * @returns the parsed JSON; rejects where there is none
 */
export type FetchSector = (uri: string, options: { trusted: boolean }) => Promise<unknown>;

type SectorMembers = Pick<
  ClientMetadata,
  'redirect_uris' | 'response_types' | 'grant_types' | 'jwks_uri' | 'sector_identifier_uri' | 'subject_type'
>;

const MEMBER = 'sector_identifier_uri';

/** Grants without a redirect URI that could be somebody's sector. */
const decidesElsewhere = (grants: readonly string[]) => grants.includes(DEVICE_CODE) || grants.includes(CIBA);

/**
 * What keeps a client from having a sector (OpenID Connect Core, section 8.1): a host that is its own. Applications on people's machines share theirs
 * with everybody's, and would share their subjects.
 */
export function findSectorFaults(metadata: ClientMetadata): ErrorDetail[] {
  if (metadata.subject_type !== 'pairwise') return [];
  const { redirect_uris: uris, sector_identifier_uri: sector, grant_types: grants } = metadata;
  const faults: ErrorDetail[] = [];
  const add = (path: string, message: string) => faults.push({ path, message });
  const [usesCode, usesDevice] = [grants.includes('authorization_code'), decidesElsewhere(grants)];
  if (!usesCode && !usesDevice) add('subject_type', 'pairwise needs a grant in which a person signs in');
  if (usesDevice && (metadata.token_endpoint_auth_method !== 'private_key_jwt' || !metadata.jwks_uri)) {
    add(
      'jwks_uri',
      'and token_endpoint_auth_method private_key_jwt are needed for pairwise subjects without a redirect: its host is their sector',
    );
  }
  if (sector) return faults;
  if (usesDevice && usesCode) add(MEMBER, 'is needed for pairwise subjects of other grants beside the authorization code');
  const hosts = new Set(uris.filter((uri) => URL.canParse(uri)).map((uri) => new URL(uri).host));
  if (usesCode && hosts.size > 1) add(MEMBER, 'is needed for pairwise subjects with redirect URIs of several hosts');
  if (usesCode && metadata.application_type === 'native') add(MEMBER, 'is needed for pairwise subjects of a native application');
  return faults;
}

/** The sector of a client with pairwise subjects; null for all others. */
function sectorOf({
  subject_type: type,
  sector_identifier_uri: sector,
  redirect_uris: uris,
  jwks_uri: keys,
}: Partial<SectorMembers>): string | null {
  const uri = sector ?? uris?.[0] ?? keys;
  return type === 'pairwise' && uri !== undefined && URL.canParse(uri) ? new URL(uri).host : null;
}

/** What an operator should know who changes a client's sector. */
export const findSectorWarnings = (before: Record<string, unknown>, after: SectorMembers): ErrorDetail[] =>
  sectorOf(before as Partial<SectorMembers>) === sectorOf(after)
    ? []
    : [{ path: 'subject_type', message: 'or its sector has changed: from now on the application knows everybody under another subject' }];

export type SectorJudgement = { outcome: 'agrees' } | { outcome: 'unreadable' | 'disagrees'; detail: ErrorDetail };

/** Asks the sector whether the client belongs to it: otherwise anybody could name the sector of another and learn its subjects. */
export async function judgeSector(
  metadata: SectorMembers,
  { fetchSector, trusted }: { fetchSector: FetchSector; trusted: boolean },
): Promise<SectorJudgement> {
  const { sector_identifier_uri: uri, redirect_uris: uris, grant_types: grants, jwks_uri: keys } = metadata;
  if (!uri) return { outcome: 'agrees' };
  const listed = await fetchSector(uri, { trusted }).catch(() => undefined);
  if (!Array.isArray(listed) || !listed.every((entry) => typeof entry === 'string')) {
    return {
      outcome: 'unreadable',
      detail: { path: MEMBER, message: 'cannot be read: it must answer 200 with a JSON array of redirect URIs' },
    };
  }
  const missing = [...uris, ...(decidesElsewhere(grants) && keys ? [keys] : [])].filter((each) => !listed.includes(each));
  if (missing.length === 0) return { outcome: 'agrees' };
  return { outcome: 'disagrees', detail: { path: MEMBER, message: `does not list ${missing[0]} (OpenID Connect Core, section 8.1)` } };
}

/** @throws AppError `clients.invalid` unless the sector lists what the client says. A sector that agreed before is not asked again. */
export async function requireSector(
  metadata: SectorMembers,
  { fetchSector, source, before }: { fetchSector: FetchSector; source: ClientSource; before?: Record<string, unknown> },
): Promise<void> {
  const members = ['sector_identifier_uri', 'redirect_uris', 'grant_types', 'jwks_uri'] as const;
  if (before && members.every((member) => JSON.stringify(before[member]) === JSON.stringify(metadata[member]))) return;
  const judgement = await judgeSector(metadata, { fetchSector, trusted: source === 'operator' || source === 'declared' });
  if (judgement.outcome !== 'agrees') throw invalidMetadata([judgement.detail]);
}
