import type { Adapter, ClientMetadata } from 'oidc-provider';
import { isKey } from './payloads.js';
import type { Revocation } from './revocation.js';

/** Where clients come from; dynamic registration also writes. */
export type ClientSource = {
  find(id: string): Promise<ClientMetadata | undefined>;
  upsert?(id: string, metadata: ClientMetadata): Promise<void>;
  destroy?(id: string): Promise<void>;
};

/** The adapter of Client: the registry decides, and whatever a deleted client was given ends with it. */
export function createClientAdapter({ clients, revocation }: { clients: ClientSource; revocation: Revocation }): Adapter {
  return {
    find: (id) => (isKey(id) ? clients.find(id) : Promise.resolve(undefined)),
    async upsert(id, payload) {
      if (!clients.upsert) throw new TypeError('clients cannot be registered here');
      await clients.upsert(id, { ...payload, client_id: id });
    },
    async destroy(id) {
      if (!clients.destroy) throw new TypeError('clients cannot be deleted here');
      await clients.destroy(id);
      await revocation.revokeByClient(id);
    },
    async consume() {
      throw new TypeError('Client is not consumed');
    },
    async findByUid() {
      return undefined;
    },
    async findByUserCode() {
      return undefined;
    },
    async revokeByGrantId() {},
  };
}
