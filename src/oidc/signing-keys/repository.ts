import { addSeconds } from '../../platform/clock.js';
import type { Database, Transaction } from '../../platform/db/index.js';
import type { PrivateJwk } from './generate.js';
import { toPublicJwk } from './generate.js';
import type { KeyTimes, Step } from './lifecycle.js';

export type KeyRow = KeyTimes & { privateJwk: string };
export type SealedKey = { jwk: PrivateJwk; sealed: string };

export type SigningKeyRepository = ReturnType<typeof createSigningKeyRepository>;

/** Two processes would have decided on different tables: cannot happen under the topic's lock, and undoes the transaction if it does. */
function exactlyOne(count: number, what: string): void {
  if (count !== 1) throw new Error(`${what} changed ${count} signing keys instead of 1`);
}

export function createSigningKeyRepository(db: Pick<Database, 'client'>) {
  return {
    /** All keys, the oldest first. */
    list: (tx: Transaction = db.client): Promise<KeyRow[]> => tx.signingKey.findMany({ orderBy: [{ createdAt: 'asc' }, { kid: 'asc' }] }),

    /** Carries out one step inside the transaction that decided it. `key` is for `create`. */
    async apply(tx: Transaction, step: Step, at: Date, { key, retainSeconds }: { key?: SealedKey; retainSeconds: number }): Promise<void> {
      const retire = async (kid: string) =>
        exactlyOne(
          (
            await tx.signingKey.updateMany({
              where: { kid, state: 'active' },
              data: { state: 'retired', retiredAt: at, removeAfter: addSeconds(at, retainSeconds) },
            })
          ).count,
          'retiring',
        );
      switch (step.action) {
        case 'create':
          if (!key) throw new Error('a key to create was not made');
          await tx.signingKey.create({
            data: {
              kid: key.jwk.kid,
              alg: step.alg,
              // For people who look at the table. What is published comes from the sealed key: this column is not protected against editing.
              publicJwk: JSON.stringify(toPublicJwk(key.jwk)),
              privateJwk: key.sealed,
              state: step.state,
              createdAt: at,
              activatedAt: step.state === 'active' ? at : null,
            },
          });
          return;
        case 'promote':
          if (step.retiredKid) await retire(step.retiredKid);
          exactlyOne(
            (await tx.signingKey.updateMany({ where: { kid: step.kid, state: 'next' }, data: { state: 'active', activatedAt: at } })).count,
            'promoting',
          );
          return;
        case 'retire':
          return retire(step.kid);
        case 'revoke':
          return exactlyOne((await tx.signingKey.deleteMany({ where: { kid: step.kid } })).count, 'revoking');
        case 'remove':
          await tx.signingKey.deleteMany({ where: { kid: step.kid, state: { not: 'active' } } });
      }
    },
  };
}
