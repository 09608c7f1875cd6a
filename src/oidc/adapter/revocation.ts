import { nowDate } from '../../platform/clock.js';
import type { Database, Sql } from '../../platform/db/index.js';
import { sql } from '../../platform/db/index.js';
import { isKey } from './payloads.js';

/** Ends grants with everything they gave. Each call is one transaction; what it ended stays ended whatever a request in flight saves. */
export type Revocation = {
  revokeGrant(grantId: string): Promise<void>;
  /** Ends every grant of a client, the tokens it has in its own right, and the consents given to it: its successor of the same id asks anew. */
  revokeByClient(clientId: string): Promise<void>;
  /** The statements that end what a condition selects, to be run in one transaction with others, in this order. */
  statements(condition: Ended): ReturnType<Database['client']['$executeRaw']>[];
};

export type Ended = {
  /** of grants */
  grants: Sql;
  /** of the artifacts that rest on them, where that is shorter than to look the grants up: an id, or a list of them */
  artifacts?: Sql;
  /** of artifacts that rest on no grant. They alone are in the indexes of accounts and clients; a token is of those its grant is of. */
  grantless?: Sql;
};

/**
 * Order matters three times. The grant goes first: an insert that depends on it holds it shared, so either that insert has committed and the
 * later statements see its row, or it waits, and then finds the grant dead. What rests on no grant goes before what does: a request that is being
 * approved by a process of a version that does not hold the grant leaves the one for the other, never back, so the last statement sees it. And
 * several grants are locked in the order of their ids, so two revocations that overlap cannot block each other.
 */
export function createRevocation({ db }: { db: Database }): Revocation {
  const { client } = db;
  const statements: Revocation['statements'] = ({ grants, artifacts, grantless }) => {
    const at = nowDate();
    const resting = artifacts ?? sql`grant_id IN (SELECT id FROM grants WHERE ${grants})`;
    const endArtifacts = (which: Sql) => client.$executeRaw`UPDATE artifacts SET revoked_at = ${at} WHERE ${which} AND revoked_at IS NULL`;
    return [
      client.$executeRaw`UPDATE grants SET revoked_at = ${at} WHERE id IN
        (SELECT id FROM grants WHERE ${grants} AND revoked_at IS NULL ORDER BY id ${db.lockForUpdate})`,
      ...(grantless ? [endArtifacts(sql`grant_id IS NULL AND ${grantless}`)] : []),
      endArtifacts(resting),
    ];
  };
  const run = async (grantId: string) => {
    await client.$transaction(statements({ grants: sql`id = ${grantId}`, artifacts: sql`grant_id = ${grantId}` }));
  };
  // The library revokes one grant by up to six calls at once, one for each of its models. One transaction answers them all.
  const underWay = new Map<string, Promise<void>>();
  return {
    statements,
    async revokeGrant(grantId) {
      if (!isKey(grantId)) return;
      const running = underWay.get(grantId);
      if (running) return running;
      const promise = run(grantId).finally(() => underWay.delete(grantId));
      underWay.set(grantId, promise);
      return promise;
    },
    async revokeByClient(clientId) {
      if (!isKey(clientId)) return;
      const condition = sql`client_id = ${clientId}`;
      await client.$transaction([
        // First, as the account is in `endAll`: whatever is being given to the client holds its row until that can be ended here.
        client.$executeRaw`UPDATE clients SET tokens_not_before = ${nowDate()} WHERE id = ${clientId}`,
        ...statements({ grants: condition, grantless: condition }),
        client.$executeRaw`DELETE FROM consents WHERE client_id = ${clientId}`,
      ]);
    },
  };
}
