import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, type JWK } from 'jose';
import type { Sealer } from '../../platform/crypto/index.js';
import type { Logger } from '../../platform/log/index.js';
import { noActiveKey } from './errors.js';
import { type PrivateJwk, toPublicJwk } from './generate.js';
import type { KeyRow } from './repository.js';
import type { SigningKeySettings } from './settings.js';

export type Keyset = {
  /** Private keys for the provider: the active ones first, since it signs with the first that fits. */
  jwks: { keys: PrivateJwk[] };
  publicJwks: { keys: JWK[] };
  /** The published document, byte for byte, and its strong ETag. */
  body: string;
  etag: string;
  active: { kid: string; alg: string; since: Date }[];
};

/** Where a private key is sealed to: it opens in its own row only. */
export const sealContextOf = (kid: string) => `signing-key:${kid}`;

const RANK: Record<string, number> = { active: 0, next: 1, retired: 2 };

/**
 * Opens the rows and puts them in signing order. Everything published comes out of what was sealed, never from the plain columns: whoever can
 * write to the table but has no key must not get a key of theirs into the JWKS. A row that does not open is left out, with an error in the log.
 * @throws AppError `signing_keys.none_active` when an algorithm in use has no active key that opens
 */
export async function openKeyset(
  rows: readonly KeyRow[],
  { sealer, settings, log }: { sealer: Sealer; settings: Pick<SigningKeySettings, 'algs'>; log: Pick<Logger, 'error'> },
): Promise<Keyset> {
  const opened: { row: KeyRow; jwk: PrivateJwk }[] = [];
  for (const row of rows) {
    const jwk = await openKey(row, sealer);
    if (jwk) opened.push({ row, jwk });
    else log.error({ kid: row.kid }, 'a signing key does not open and is left out: it was altered, or sealed under another key');
  }
  const algRank = (alg: string) => {
    const index = (settings.algs as readonly string[]).indexOf(alg);
    return index < 0 ? settings.algs.length : index;
  };
  opened.sort(
    (a, b) =>
      (RANK[a.row.state] ?? 3) - (RANK[b.row.state] ?? 3) ||
      algRank(a.jwk.alg) - algRank(b.jwk.alg) ||
      b.row.createdAt.getTime() - a.row.createdAt.getTime() ||
      (a.row.kid < b.row.kid ? -1 : 1),
  );
  const active = opened.filter(({ row }) => row.state === 'active');
  for (const alg of settings.algs) if (!active.some(({ jwk }) => jwk.alg === alg)) throw noActiveKey(alg);
  const publicJwks = { keys: opened.map(({ jwk }) => toPublicJwk(jwk)) };
  const body = JSON.stringify(publicJwks);
  return {
    jwks: { keys: opened.map(({ jwk }) => jwk) },
    publicJwks,
    body,
    etag: `"${createHash('sha256').update(body).digest('base64url')}"`,
    active: active.map(({ row, jwk }) => ({ kid: jwk.kid, alg: jwk.alg, since: row.activatedAt ?? row.createdAt })),
  };
}

async function openKey(row: KeyRow, sealer: Sealer): Promise<PrivateJwk | null> {
  try {
    const jwk = JSON.parse(sealer.open(row.privateJwk, sealContextOf(row.kid))) as PrivateJwk;
    return jwk.kid === row.kid && jwk.alg === row.alg && (await calculateJwkThumbprint(jwk)) === row.kid ? jwk : null;
  } catch {
    // Why it does not open tells nothing that helps, and an error here could carry pieces of the key.
    return null;
  }
}
