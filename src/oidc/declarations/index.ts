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

/** What the files declare, checked as far as each can be by itself. */
export type Declarations = { resources: Resource[]; clients: unknown[] };

/**
 * The resource servers of RESOURCES_FILE and the clients of CLIENTS_FILE, the demo's among them.
 * @param options.clients does the caller register clients? A command does not.
 * @throws AppError with every fault of both files and its path
 */
export async function loadDeclarations(config: Config, { clients: wanted = true }: { clients?: boolean } = {}): Promise<Declarations> {
  const [resources, clients] = await Promise.allSettled([
    config.resourcesFile ? loadDeclaredResources(config.resourcesFile) : [],
    wanted && config.clientsFile ? loadDeclaredClients(config.clientsFile) : [],
  ]);
  if (resources.status === 'rejected' || clients.status === 'rejected') throw allFaults([resources, clients]);
  if (!config.demo) return { resources: resources.value, clients: clients.value };
  const ofDemo = parseResources(await readDemoFile(config, 'resources.json'), 'scripts/demo/resources.json');
  // The demo's client, unless the operator declared one of that name.
  const demo = !wanted || namesDemo(clients.value) ? [] : parseDeclaredClients(await readDemoFile(config, 'clients.json'));
  return { resources: [...resources.value, ...ofDemo], clients: [...clients.value, ...demo] };
}

/** The faults of several files as one error; what is no fault of a file goes first. */
function allFaults(outcomes: readonly PromiseSettledResult<unknown>[]): unknown {
  const errors = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  const told = errors.filter((error): error is AppError => error instanceof AppError);
  const [first] = told;
  if (told.length < errors.length || !first || told.length === 1) return errors.find((error) => !(error instanceof AppError)) ?? first;
  return new AppError('declarations.invalid', 422, told.map(({ message }) => message).join('\n'), {
    cause: first,
    details: told.flatMap(({ details = [] }) => details),
  });
}

/** Lays out the clients that are declared, and our own. Any number of processes may do this at once. */
export async function registerClients(clients: Clients, declared: readonly unknown[], config: Config, log: Logger): Promise<void> {
  if (declared.length > 0 || config.clientsFile) {
    const report = await clients.applyDeclared(declared);
    for (const { path: where, message } of report.warnings) log.warn({ where }, message);
    if (report.vanished.length > 0)
      log.warn(
        { clients: report.vanished },
        'clients that are no longer declared are still there: delete them with "latchkey client delete"',
      );
  }
  // Its secret is public, so it must not outlive the demo.
  if (!namesDemo(declared) && (await clients.find(DEMO_CLIENT_ID))?.source === 'declared') await clients.delete(DEMO_CLIENT_ID);
  await ensureBuiltIn(clients, accountClientMetadata(config.issuerUrl));
  await ensureBuiltIn(clients, firstPartyClientMetadata());
}

const DEMO_CLIENT_ID = 'demo';
const namesDemo = (declared: readonly unknown[]) =>
  declared.some((client) => (client as { client_id?: unknown }).client_id === DEMO_CLIENT_ID);

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
