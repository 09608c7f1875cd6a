import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOutbound, type OutboundError } from '../../src/platform/outbound/index.js';
import { createResolve } from '../../src/platform/outbound/names.js';
import { startNameServer } from '../support/name-server.js';

describe('the name of an address', () => {
  let names: Awaited<ReturnType<typeof startNameServer>>;
  let resolve: ReturnType<typeof createResolve>;
  beforeAll(async () => {
    names = await startNameServer({
      'both.example.com': { A: ['93.184.215.14', '93.184.215.15'], AAAA: ['2606:4700:0:0:0:0:0:1111'] },
      'four.example.com': { A: ['93.184.215.14'] },
      'inside.example.com': { A: ['10.0.0.1'] },
      'silent.example.com': 'silent',
      'mute.example.com': 'silent',
    });
    resolve = createResolve({ servers: [names.server] });
  });
  afterAll(() => names?.close());

  it('that a stranger gave is asked of the name servers, for addresses of both kinds', async () => {
    expect([...(await resolve('both.example.com', { trusted: false }))].sort()).toEqual([
      '2606:4700::1111',
      '93.184.215.14',
      '93.184.215.15',
    ]);
    expect(await resolve('four.example.com', { trusted: false })).toEqual(['93.184.215.14']);
    await expect(resolve('nowhere.example.com', { trusted: false })).rejects.toThrow('ENOTFOUND');
    expect(names.asked).toContain('both.example.com AAAA');
  });

  it('that the operator stands behind is resolved as the operating system does it', async () => {
    const asked = names.asked.length;
    const found = await resolve('localhost', { trusted: true });
    expect(found.length).toBeGreaterThan(0);
    for (const address of found) expect(['127.0.0.1', '::1']).toContain(address);
    expect(names.asked).toHaveLength(asked);
  });

  it('for which nobody answers costs the stranger’s own time, and no thread of the pool', async () => {
    const outbound = createOutbound({ allow: [], development: false, log: { warn: () => {} }, resolve });
    const fetched = (name: string) =>
      outbound.fetch({ url: `https://${name}/`, purpose: 'test', trusted: false }).catch((error: OutboundError) => error.reason);
    // More at a time than the pool has threads.
    const names = ['silent.example.com', 'mute.example.com'].flatMap((name) => [name, name, name, name]);
    const silent = Promise.all(names.map(fetched));
    expect((await resolve('localhost', { trusted: true })).length).toBeGreaterThan(0);
    expect(await fetched('inside.example.com')).toBe('address');
    for (const reason of await silent) expect(['name', 'timeout']).toContain(reason);
  });
});
