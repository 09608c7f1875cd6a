import type { Adapter } from 'oidc-provider';
import { nowSeconds } from '../../platform/clock.js';
import { createArtifactCodec } from './artifact-codec.js';
import type { StoredToken } from './artifact-reader.js';
import { idHashOf } from './artifact-rows.js';
import { type ArtifactDeps, createArtifactAdapter } from './artifacts.js';
import { kindRules } from './kinds.js';
import { places } from './payloads.js';
import type { Exchange, RefreshUse, RefreshUses } from './refresh-uses.js';
import type { TokenUse } from './token-writes.js';

/** A refresh token that was used again when that is not forgiven: somebody else has it too. */
export type RefreshTokenReuse = {
  grantId: string;
  accountId: string | undefined;
  clientId: string | undefined;
  secondsSinceUse: number;
};

export type RefreshTokenDeps = ArtifactDeps & {
  uses: RefreshUses;
  /** How long after its first use a token is answered with the same successor; 0: never. */
  reuseWindowSeconds: number;
  /** Hears of each reuse that ends a grant. Must not throw. */
  onReuse?: ((reuse: RefreshTokenReuse) => void) | undefined;
};

/** The library judges expiry before use. A token that expired since its first use is still answered inside its window, for this long. */
const RETRY_SECONDS = 60;

/**
 * The adapter of RefreshToken: each is exchanged once, for one successor, whatever happens at the same moment, elsewhere, or half way through.
 *
 * `consume` only notes that the token is to be used up; that happens in the statement that stores the successor, which leaves the successor
 * sealed on the used row. Until the window ends (counted from that first use) whoever brings the token again is told that same successor: one
 * that comes later finds it in `find`, one that comes at the same moment loses the race to save. Either way the answer names it, see
 * `refresh-rotation.ts`. The successor may have been used itself by then. It is told all the same: its own window began later than this one,
 * so it still leads to its own one successor; there is one lineage, and a slow duplicate of an old request signs nobody out.
 *
 * Outside of a refreshing request a refresh token is a single-use artifact like the others.
 */
export function createRefreshTokenAdapter(deps: RefreshTokenDeps): Adapter {
  const { reader, codec, revocation, writes, uses, reuseWindowSeconds, onReuse } = deps;
  const kind = 'RefreshToken';
  const base = createArtifactAdapter(kind, deps);
  const { toRow, wake } = createArtifactCodec(kind, deps);
  const refuse = (detail: string) => kindRules[kind].refusal(detail);

  /** What the token was exchanged for, while a use of this moment is inside the window. */
  function exchangeOf(stored: StoredToken, use: RefreshUse): Exchange | undefined {
    if (stored.successor === null || stored.successor_until === null) return undefined;
    if (use.readAtMs >= stored.successor_until.getTime()) return undefined;
    return codec.open(places.successor(stored.id_hash), stored.successor) as Exchange | undefined;
  }

  function report({ reused, readAtMs }: RefreshUse): void {
    if (!reused) return;
    const { consumedAt, ...token } = reused;
    onReuse?.({ ...token, secondsSinceUse: Math.max(0, Math.round((readAtMs - consumedAt.getTime()) / 1000)) });
  }

  /** Somebody else used the token after this request had read it, or its grant has ended. */
  async function afterOthers(use: RefreshUse): Promise<void> {
    const stored = await reader.read(use.idHash);
    const payload = wake(stored);
    if (!stored?.consumed_at || !payload || stored.grant_id === null) throw refuse('it or its grant has ended');
    const exchange = exchangeOf(stored, use);
    if (exchange) {
      if (exchange.sender !== (await uses.sender())) throw refuse('used already with another key');
      use.exchange = exchange;
      return;
    }
    // It was unused when this request read it. With a window, only slowness brings anybody here, and nobody is signed out for that.
    if (reuseWindowSeconds === 0) {
      use.reused = { consumedAt: stored.consumed_at, grantId: stored.grant_id, accountId: payload.accountId, clientId: payload.clientId };
      report(use);
      await revocation.revokeGrant(stored.grant_id);
    }
    throw refuse('already used');
  }

  return {
    ...base,

    async find(id) {
      const stored = await reader.read(idHashOf(id));
      const payload = wake(stored, id);
      const use = payload && uses.begin(id);
      if (!stored?.consumed_at || !use) return payload;
      const exchange = exchangeOf(stored, use);
      if (exchange) {
        use.exchange = exchange;
        const { consumed, ...unused } = payload;
        return { ...unused, exp: Math.max(payload.exp ?? 0, nowSeconds() + RETRY_SECONDS) };
      }
      // Used: the library checks who brings it, then destroys it and revokes its grant.
      if (stored.grant_id !== null) {
        use.reused = { consumedAt: stored.consumed_at, grantId: stored.grant_id, accountId: payload.accountId, clientId: payload.clientId };
      }
      return payload;
    },

    async consume(id) {
      const use = uses.current();
      if (use?.idHash !== idHashOf(id)) return base.consume(id);
      use.consuming = true;
    },

    async upsert(id, payload, expiresIn) {
      const use = uses.current();
      if (!use?.consuming) return base.upsert(id, payload, expiresIn);
      const row = toRow(id, payload, expiresIn);
      const exchange: Exchange = { successor: id, sender: await uses.sender() };
      const used: TokenUse = {
        idHash: use.idHash,
        kind,
        successor: {
          row,
          sealed: reuseWindowSeconds > 0 ? codec.seal(places.successor(use.idHash), exchange) : null,
          until: reuseWindowSeconds > 0 ? new Date(row.createdAt.getTime() + reuseWindowSeconds * 1000) : null,
        },
        lost: () => afterOthers(use),
      };
      const waiting = writes.waiting();
      if (waiting) waiting.use = used;
      else await writes.store({ use: used, saves: [] });
    },

    async destroy(id) {
      const use = uses.current();
      if (use?.idHash === idHashOf(id)) report(use);
      await base.destroy(id);
    },
  };
}
