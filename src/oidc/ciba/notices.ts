import type { Client } from 'oidc-provider';
import { nowSeconds } from '../../platform/clock.js';
import type { Sql } from '../../platform/db/index.js';
import type { Outbound } from '../../platform/outbound/index.js';
import type { Outbox } from '../../platform/outbox/index.js';
import type { BackchannelPayload } from '../adapter/index.js';
import { isOperatorMade } from '../clients/index.js';
import type { ProviderHolder } from '../provider.js';

export type CibaNotices = {
  /** What notes that the application is to be told, for the transaction that stores the answer; undefined for one that polls. */
  statementFor(client: Client, request: BackchannelPayload): ((stored: Sql) => ReturnType<Outbox['statement']>) | undefined;
  /** Tells them now; to be called when that transaction is through. */
  wake(): void;
};

const TOPIC = 'backchannel_ping';

type Ping = { clientId: string; authReqId: string; notificationToken: string; expiresAtSeconds: number };

/**
 * CIBA's ping (section 10.2): tells an application that there is an answer to be collected, not which. It is delivered by the outbox, so the person
 * never waits for the application, and repeated until the request has run out.
 */
export function createCibaNotices({
  outbox,
  outbound,
  holder,
}: {
  outbox: Pick<Outbox, 'statement' | 'wake' | 'deliverBy'>;
  outbound: Pick<Outbound, 'fetch'>;
  holder: Pick<ProviderHolder, 'current'>;
}): CibaNotices {
  outbox.deliverBy(TOPIC, async ({ payload }) => {
    const { clientId, authReqId, notificationToken, expiresAtSeconds } = payload as Ping;
    if (expiresAtSeconds <= nowSeconds()) return;
    const client = await holder.current.Client.find(clientId);
    const endpoint = client && endpointOf(client);
    // Gone meanwhile, or polls now.
    if (!endpoint) return;
    const { status } = await outbound.fetch({
      url: endpoint,
      purpose: TOPIC,
      trusted: isOperatorMade(client),
      method: 'POST',
      headers: { authorization: `Bearer ${notificationToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ auth_req_id: authReqId }),
    });
    if (status !== 204 && status !== 200) throw new Error(`answered ${status}`);
  });
  return {
    statementFor(client, { jti, params, exp }) {
      const notificationToken = params?.client_notification_token;
      if (!endpointOf(client) || typeof notificationToken !== 'string') return undefined;
      const payload: Ping = { clientId: client.clientId, authReqId: jti, notificationToken, expiresAtSeconds: exp ?? 0 };
      return (stored) => outbox.statement({ topic: TOPIC, recipient: client.clientId, payload }, stored);
    },
    wake: outbox.wake,
  };
}

/** Where a client wants to be told; undefined for one that polls. */
const endpointOf = ({ backchannelTokenDeliveryMode, backchannelClientNotificationEndpoint: endpoint }: Client): string | undefined =>
  backchannelTokenDeliveryMode === 'ping' && typeof endpoint === 'string' ? endpoint : undefined;
