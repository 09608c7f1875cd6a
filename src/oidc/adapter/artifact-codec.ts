import type { KeyObject } from 'node:crypto';
import type { AdapterPayload } from 'oidc-provider';
import { nowDate, nowSeconds } from '../../platform/clock.js';
import { type ArtifactRow, columnsOf, idHashOf, linkTokenOf, type StoredArtifact, userCodeHashOf } from './artifact-rows.js';
import type { ArtifactKind } from './kinds.js';
import { expiryOf, type PayloadCodec, places } from './payloads.js';

/** Turns what the library saves into a row, and a row back into what it reads. */
export type ArtifactCodec = {
  toRow(id: string, payload: AdapterPayload, expiresInSeconds: number | undefined): ArtifactRow;
  /** Undefined for what is not there: another kind, revoked, or not to be opened. */
  wake(stored: StoredArtifact | undefined, id?: string): AdapterPayload | undefined;
};

/** Whoever is shown such a token asks about it each time. The others are used once, or seldom. */
const READ_AGAIN = new Set<ArtifactKind>(['AccessToken', 'ClientCredentials']);

export function createArtifactCodec(
  kind: ArtifactKind,
  { codec, hmacPepper, interactionTtlSeconds }: { codec: PayloadCodec; hmacPepper: KeyObject; interactionTtlSeconds: number },
): ArtifactCodec {
  const open = READ_AGAIN.has(kind) ? codec.reopen : codec.open;
  return {
    wake(stored, id) {
      if (!stored || stored.kind !== kind || stored.revoked_at !== null) return undefined;
      const payload = open(places.artifact(kind, stored.id_hash), stored.payload);
      if (!payload) return undefined;
      if (id !== undefined) payload.jti = id;
      if (stored.consumed_at !== null) payload.consumed = Math.floor(stored.consumed_at.getTime() / 1000);
      return payload;
    },

    toRow(id, payload, expiresInSeconds) {
      const idHash = idHashOf(id);
      const { consumed, jti, ...rest } = payload;
      const foundBy = kind === 'BackchannelAuthenticationRequest' ? linkTokenOf(hmacPepper, id) : payload.userCode;
      const expiresAt = expiryOf(payload, expiresInSeconds, nowSeconds());
      const keptForSeconds = kind === 'PushedAuthorizationRequest' ? interactionTtlSeconds : 0;
      return {
        idHash,
        kind,
        ...columnsOf(kind, payload),
        userCodeHash: foundBy === undefined ? null : userCodeHashOf(hmacPepper, foundBy),
        // What is also found by something else than its id, which nobody tells then.
        payload: codec.seal(places.artifact(kind, idHash), foundBy === undefined ? rest : { ...rest, jti: id }),
        createdAt: nowDate(),
        expiresAt: expiresAt && new Date(expiresAt.getTime() + keptForSeconds * 1000),
        consumedAt: typeof consumed === 'number' ? new Date(consumed * 1000) : null,
      };
    },
  };
}
