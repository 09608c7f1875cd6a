/**
 * Owns: telling applications that somebody signed out (OpenID Connect Back-Channel Logout 1.0): who is told, and that it is told although the
 * application is down for a while and without anybody waiting for it. Does not own: ending sessions (oidc/sessions, oidc-provider), the token that
 * is sent (oidc-provider makes it at each attempt, so that it is fresh).
 */
import type { Client, Provider } from 'oidc-provider';
import type { Outbound } from '../../platform/outbound/index.js';
import type { Outbox } from '../../platform/outbox/index.js';
import { isOperatorMade } from '../clients/index.js';
import type { ProviderExtension, ProviderHolder } from '../provider.js';
import type { ProviderFetch } from '../provider-fetch.js';

/** One sign-in at one application that has ended. */
export type EndedSignIn = { clientId: string; accountId: string; sid: string };

export type LogoutNotices = {
  /** Those of the applications that want to hear of it. */
  listTold(clientIds: readonly string[]): Promise<string[]>;
  /** The statements that note whom to tell, for the transaction that ends the sign-ins. */
  statements(ended: readonly EndedSignIn[]): Promise<ReturnType<Outbox['statement']>[]>;
  /** Tells them now; to be called when that transaction is through. */
  wake(): void;
  /** oidc-provider's own sign-out notes whom to tell instead of waiting for them. */
  extension: ProviderExtension;
  /** From now on this process delivers. */
  deliverWith(means: {
    holder: Pick<ProviderHolder, 'current'>;
    outbound: Pick<Outbound, 'fetch'>;
    onBehalfOf: ProviderFetch['onBehalfOf'];
  }): void;
};

type Deps = {
  outbox: Pick<Outbox, 'statement' | 'add' | 'wake' | 'deliverBy'>;
  clients: { findProviderMetadata(id: string): Promise<Record<string, unknown> | undefined> };
};

const TOPIC = 'backchannel_logout';

export function createLogoutNotices({ outbox, clients }: Deps): LogoutNotices {
  const message = (ended: EndedSignIn) => ({ topic: TOPIC, recipient: ended.clientId, payload: ended });
  const wantsToHear = async (clientId: string) =>
    typeof (await clients.findProviderMetadata(clientId))?.backchannel_logout_uri === 'string' ? [clientId] : [];
  const listTold: LogoutNotices['listTold'] = async (clientIds) => (await Promise.all([...new Set(clientIds)].map(wantsToHear))).flat();
  return {
    listTold,
    async statements(ended) {
      const told = new Set(await listTold(ended.map(({ clientId }) => clientId)));
      return ended.filter(({ clientId }) => told.has(clientId)).map((each) => outbox.statement(message(each)));
    },
    wake: outbox.wake,
    extension(provider) {
      const prototype = provider.Client.prototype as unknown as { backchannelLogout(accountId: string, sid: string): Promise<void> };
      prototype.backchannelLogout = async function noteLogout(this: { clientId: string }, accountId, sid) {
        await outbox.add(message({ clientId: this.clientId, accountId, sid }));
      };
    },
    deliverWith: ({ holder, outbound, onBehalfOf }) =>
      outbox.deliverBy(TOPIC, async ({ id, payload }) => {
        const { clientId, accountId, sid } = payload as EndedSignIn;
        const client = await holder.current.Client.find(clientId);
        // Gone meanwhile, or does not want to hear any more: there is nobody to tell.
        if (!client?.backchannelLogoutUri) return;
        // Encrypted to a key that may have to be fetched.
        const token = await onBehalfOf(client, () => createLogoutToken(holder.current, client, { accountId, sid, jti: id }));
        const body = new URLSearchParams({ logout_token: token });
        const { status } = await outbound.fetch({
          url: client.backchannelLogoutUri,
          purpose: TOPIC,
          trusted: isOperatorMade(client),
          method: 'POST',
          body,
        });
        if (status !== 200 && status !== 204) throw new Error(`answered ${status}`);
      }),
  };
}

/** OpenID Connect Back-Channel Logout 1.0, section 2.4. The `jti` is that of the message, so whoever hears it twice can tell. */
async function createLogoutToken(
  provider: Provider,
  client: Client,
  { accountId, sid, jti }: { accountId: string; sid: string; jti: string },
) {
  const token = new provider.IdToken({ sub: accountId }, { client });
  // Claims that are to be said, as the library's own does it; its published types leave this out.
  Object.assign(token, { mask: { sub: null } });
  token.set('events', { 'http://schemas.openid.net/event/backchannel-logout': {} });
  token.set('jti', jti);
  if (client.backchannelLogoutSessionRequired) token.set('sid', sid);
  return token.issue({ use: 'logout' });
}
