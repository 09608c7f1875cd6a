/**
 * Owns: what an installation says of itself when it starts: the clients and resource servers of its files, the demo's, and our own account
 * pages as a client. Does not own: the registries these go into (oidc/clients, oidc/resources).
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ClientMetadata } from 'oidc-provider';
import type { Config } from '../../config/index.js';
import { AppError } from '../../platform/errors.js';
import { root } from '../../platform/installation.js';
import type { Logger } from '../../platform/log/index.js';
import { accountClientMetadata } from '../account-client.js';
import { type Clients, describeClient, loadDeclaredClients, parseDeclaredClients } from '../clients/index.js';
import { firstPartyClientMetadata } from '../first-party/index.js';
import { loadDeclaredResources, parseResources, type Resource } from '../resources/index.js';

/** The resource servers of RESOURCES_FILE, and the demo's. @throws AppError with every fault and its path */
export async function declaredResources(config: Config): Promise<Resource[]> {
  const declared = config.resourcesFile ? await loadDeclaredResources(config.resourcesFile) : [];
  return config.demo
    ? [...declared, ...parseResources(await readDemoFile(config, 'resources.json'), 'scripts/demo/resources.json')]
    : declared;
}

/** The clients of the files, the demo's, and our own account pages. Any number of processes may do this at once. */
export async function registerClients(clients: Clients, config: Config, log: Logger): Promise<void> {
  const declared = config.clientsFile ? await loadDeclaredClients(config.clientsFile) : [];
  const demo = await demoClients(config, declared);
  if (declared.length + demo.length > 0 || config.clientsFile) {
    const report = await clients.applyDeclared([...declared, ...demo]);
    for (const { path: where, message } of report.warnings) log.warn({ where }, message);
    if (report.vanished.length > 0)
      log.warn(
        { clients: report.vanished },
        'clients that are no longer declared are still there: delete them with "latchkey client delete"',
      );
  }
  // Its secret is public, so it must not outlive the demo.
  if (demo.length === 0 && !namesDemo(declared) && (await clients.find(DEMO_CLIENT_ID))?.source === 'declared')
    await clients.delete(DEMO_CLIENT_ID);
  await ensureBuiltIn(clients, accountClientMetadata(config.issuerUrl));
  await ensureBuiltIn(clients, firstPartyClientMetadata());
}

const DEMO_CLIENT_ID = 'demo';
const namesDemo = (declared: readonly unknown[]) =>
  declared.some((client) => (client as { client_id?: unknown }).client_id === DEMO_CLIENT_ID);

/** The demo's client, unless the operator declared one of that name. */
async function demoClients(config: Config, declared: readonly unknown[]): Promise<unknown[]> {
  return config.demo && !namesDemo(declared) ? parseDeclaredClients(await readDemoFile(config, 'clients.json')) : [];
}

/**
 * Our own account pages and our own API are clients of ours; they are what this version says, whatever a database says.
 * @throws AppError `declarations.id_reserved` when somebody else's client has that id: it would be treated as ours
 */
async function ensureBuiltIn(clients: Clients, metadata: ClientMetadata & { client_id: string }): Promise<void> {
  const existing = await clients.find(metadata.client_id);
  if (existing && existing.source !== 'built_in')
    throw new AppError(
      'declarations.id_reserved',
      409,
      `The client id ${metadata.client_id} is the server's own. Delete that client, or give it another id.`,
    );
  if (existing) {
    const now: Record<string, unknown> = describeClient(existing);
    const differs = Object.entries(metadata).some(([member, value]) => member !== 'client_id' && !isDeepStrictEqual(now[member], value));
    if (differs) await clients.update(existing.id, metadata, { asServer: true });
    return;
  }
  try {
    await clients.create(metadata, { source: 'built_in' });
  } catch (error) {
    // Another process that starts just now was first.
    if (!(error instanceof AppError && error.code === 'clients.id_taken')) throw error;
  }
}

/** The demo's declarations, which name its port. They belong to a checkout, not to the image. */
async function readDemoFile(config: Config, name: string): Promise<unknown> {
  const text = await readFile(path.join(root, 'scripts', 'demo', name), 'utf8');
  return JSON.parse(text.replaceAll('http://127.0.0.1:3001', `http://127.0.0.1:${config.demoPort}`));
}
