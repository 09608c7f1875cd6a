import { describe, expect, it } from 'vitest';
import { startDeclaredServer } from '../support/relying-party.js';
import { createWeb } from '../support/web.js';

describe('documents of clients', () => {
  it('are asked for no more than 30 times a minute for one network, and then it is told when to come again', async () => {
    const web = createWeb();
    const server = await startDeclaredServer({ outbound: web.outbound });
    try {
      const statuses: number[] = [];
      for (let index = 0; index < 31; index++) {
        const query = new URLSearchParams({ client_id: `https://client.example.net/${index}.json`, response_type: 'code' });
        const response = await fetch(`${server.url}/authorize?${query}`, { headers: { accept: 'text/html' } });
        statuses.push(response.status);
        if (index === 30) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
      }
      expect(new Set(statuses.slice(0, 30))).toEqual(new Set([400]));
      expect(statuses[30]).toBe(503);
      expect(web.asked).toHaveLength(30);
    } finally {
      await server.close();
    }
  });

  it('can be turned off, and then nobody is asked', async () => {
    const web = createWeb();
    const server = await startDeclaredServer({ outbound: web.outbound, env: { CLIENT_ID_METADATA_DOCUMENTS: 'off' } });
    try {
      const metadata = (await (await fetch(`${server.url}/.well-known/oauth-authorization-server`)).json()) as object;
      expect(metadata).not.toHaveProperty('client_id_metadata_document_supported');
      const query = new URLSearchParams({ client_id: 'https://client.example.net/a.json', response_type: 'code' });
      expect((await fetch(`${server.url}/authorize?${query}`)).status).toBe(400);
      expect(web.asked).toEqual([]);
    } finally {
      await server.close();
    }
  });
});
