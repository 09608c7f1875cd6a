import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { type App, createApp } from '../../src/app.js';
import { type Config, loadConfig } from '../../src/config/index.js';
import type { Database } from '../../src/platform/db/index.js';
import { createLogger, type Logger } from '../../src/platform/log/index.js';
import type { Outbound } from '../../src/platform/outbound/index.js';
import { createServices, type Services } from '../../src/services.js';
import { createDatabaseUrl } from './database.js';
import { testEnvironment } from './environment.js';

export type TestServer = {
  /** the issuer */
  url: string;
  config: Config;
  services: Services;
  app: App;
  /** Verification and reset links of the mails sent to an address, newest first; waits for the mail. */
  linksTo(address: string): Promise<string[]>;
  close(): Promise<void>;
};

export type TestServerOptions = {
  provider?: Database['provider'];
  /** a database that somebody else made and drops, to run several servers over one */
  databaseUrl?: string;
  /** settings by their environment names */
  env?: Record<string, string>;
  log?: Logger;
  /** stands for the web beyond this machine */
  outbound?: Outbound;
  /** which accounts need more than a password; nobody's does unless a test says so */
  requiresInteraction?: (accountId: string) => Promise<boolean>;
};

/** A whole server in this process, on a free port, with a database of its own. */
export async function startTestServer({
  provider = 'sqlite',
  databaseUrl,
  env = {},
  log,
  outbound,
  requiresInteraction,
}: TestServerOptions = {}): Promise<TestServer> {
  let handle: ReturnType<typeof createApp>['handle'] = (_request, response) => void response.writeHead(503).end();
  const server: Server = createServer((request, response) => handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  const { port } = server.address() as AddressInfo;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-server-'));
  // The one in which a server has run has the administrator of a development installation, and production refuses that.
  const template = env.LATCHKEY_ENV === 'production' ? 'empty' : 'server';
  const database = databaseUrl === undefined ? await createDatabaseUrl(provider, template) : { url: databaseUrl, drop: async () => {} };
  const config = loadConfig(
    {
      ...testEnvironment,
      PORT: String(port),
      ISSUER_URL: `http://localhost:${port}`,
      DATA_DIR: folder,
      DATABASE_URL: database.url,
      ...env,
    },
    { root: folder },
  );
  const services = await createServices(config, {
    log: log ?? createLogger({ level: config.logLevel, format: 'json' }),
    outbound,
    requiresInteraction,
  });
  const app = createApp(services);
  handle = app.handle;
  services.start();
  return {
    url: config.issuerUrl,
    config,
    services,
    app,
    async linksTo(address) {
      await services.mailer.flush();
      const mails = (await services.mailer.mailbox?.list()) ?? [];
      return mails.filter((mail) => mail.to === address).flatMap((mail) => mail.text.match(/https?:\/\/\S+token=\S+/g) ?? []);
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await services.close();
      await database.drop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
