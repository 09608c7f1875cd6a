import { type ClientMetadata, errors } from 'oidc-provider';
import { AppError } from '../../platform/errors.js';
import { type Client, type Clients, toProviderMetadata } from '../clients/index.js';
import { asOAuthError } from '../unavailable.js';
import { isDocumentAddress } from './address.js';
import type { ClientDocuments } from './service.js';

/**
 * Clients as oidc-provider asks for them: an operator's from the registry, whatever its id looks like; else the client of a document, as that says now.
 * @throws the library's errors: `invalid_client` with what is wrong with a document, `temporarily_unavailable` past a limit
 */
export function createProviderClients({
  clients,
  documents,
}: {
  clients: Pick<Clients, 'find' | 'findProviderMetadata'>;
  documents: ClientDocuments;
}) {
  // The same for the same client: by that the provider knows it again.
  const described = new WeakMap<Client, ClientMetadata>();

  function describe(client: Client): ClientMetadata {
    const metadata = described.get(client) ?? toProviderMetadata(client, null);
    described.set(client, metadata);
    return metadata;
  }

  async function findByAddress(id: string): Promise<ClientMetadata | undefined> {
    const stored = await clients.find(id);
    if (stored && stored.source !== 'document') return clients.findProviderMetadata(id);
    const client = await documents.find(id).catch((error: unknown) => {
      throw error instanceof AppError && error.code.startsWith('client_documents.') ? told(error) : error;
    });
    return client ? describe(client) : undefined;
  }

  return (id: string) => (isDocumentAddress(id) ? findByAddress(id) : clients.findProviderMetadata(id));
}

function told(error: AppError): Error {
  return error.status === 429 ? asOAuthError(error) : new errors.InvalidClient(error.message, 'a client ID metadata document');
}
