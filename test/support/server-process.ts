/** One server process of several over one database: started by `openServerProcess`, told where by a message, ended by losing its parent. */
import { createSecretKey, type JsonWebKey } from 'node:crypto';
import { openDatabase } from '../../src/platform/db/index.js';
import { startProvider } from './provider-under-test.js';
import { buildStore } from './store.js';

export type ServerProcessOptions = { url: string; dataKey: string; hmacPepper: string; clientIds: string[]; signerJwk: JsonWebKey };
export type ServerProcessReport = { issuer: string };

process.once('message', async ({ url, dataKey, hmacPepper, ...clients }: ServerProcessOptions) => {
  const db = await openDatabase({ url });
  const store = buildStore({ db, dataKey: Buffer.from(dataKey, 'base64'), hmacPepper: createSecretKey(hmacPepper, 'base64') });
  const server = await startProvider(store, clients);
  process.send?.({ issuer: server.issuer } satisfies ServerProcessReport);
});
process.once('disconnect', () => process.exit(0));
