import { now } from '../clock.js';
import { networkOf } from '../limits/index.js';

/** How many explanations a minute a process keeps: in all, of one client, and of one client from one network. */
const A_MINUTE = { inAll: 300, client: 60, network: 20 };

/** Anybody can be refused as often as they like. Whoever does takes what is their own share, not that of others. */
export function createBudget() {
  let endsAt = 0;
  let inAll = 0;
  let counts = new Map<string, number>();
  return {
    /** @returns false: the share is used up */
    take({ clientId, ip }: { clientId: string | null; ip: string }): boolean {
      if (now() >= endsAt) [endsAt, inAll, counts] = [now() + 60_000, 0, new Map()];
      const client = clientId ?? '';
      const network = `${client} ${networkOf(ip)}`;
      const [ofClient, ofNetwork] = [counts.get(client) ?? 0, counts.get(network) ?? 0];
      if (inAll >= A_MINUTE.inAll || ofClient >= A_MINUTE.client || ofNetwork >= A_MINUTE.network) return false;
      inAll += 1;
      counts.set(client, ofClient + 1);
      counts.set(network, ofNetwork + 1);
      return true;
    },
  };
}
