import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { rootCertificates } from 'node:tls';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkPlainHttp } from '../../src/cli/doctor/plain-http.js';
import { ensureBuilt, runNode } from '../support/built.js';
import { besideServer, type CommandLine } from '../support/command-line.js';
import { clients, declare } from '../support/declarations.js';
import { createNginx, type Mistake, nginxPath, type TestNginx } from '../support/nginx.js';
import { createPerson, PASSWORD } from '../support/people.js';
import { freePort } from '../support/ports.js';
import { startTestServer, type TestServer } from '../support/server.js';

if (!nginxPath)
  console.warn('The tests behind nginx were left out: there is no nginx here (Debian: apt-get install nginx-light; or set NGINX_PATH).');

const root = path.resolve(import.meta.dirname, '../..');
/** On hosts of this machine, so that no name has to be asked for. */
const shop = { ...clients.shop, redirect_uris: ['https://shop.localhost/callback'], post_logout_redirect_uris: [] };
type Finding = { check: string; status: string; message: string; mend?: string };

describe.runIf(nginxPath)('behind nginx, set up by the example of this repository', () => {
  let nginx: TestNginx;
  let server: TestServer;
  let declared: ReturnType<typeof declare>;
  let latchkey: CommandLine;
  const others: TestServer[] = [];
  const trusted = https.globalAgent.options.ca;
  beforeAll(async () => {
    await ensureBuilt();
    nginx = await createNginx();
    declared = declare({ clients: [shop, { ...clients.spa, redirect_uris: ['https://spa.localhost/'] }] });
    server = await startTestServer({ env: { ...declared.env, ISSUER_URL: `https://localhost:${nginx.port}`, TRUST_PROXY: '1' } });
    latchkey = besideServer(server.config);
    // What NODE_EXTRA_CA_CERTS does for a process of its own; with all the others each connection would take 20 ms to read them.
    https.globalAgent.options.ca = [nginx.authority];
    await nginx.serve({ upstreamPort: server.config.port });
  });
  afterAll(async () => {
    https.globalAgent.options.ca = trusted;
    await nginx?.stop();
    for (const other of others) await other.close();
    await server?.close();
    declared?.remove();
  });

  const examine = async (env: Record<string, string> = {}) => {
    const { code, stdout, stderr } = await latchkey.run(['doctor', '--json'], { env });
    expect(stderr).toBe('');
    const { findings } = JSON.parse(stdout) as { findings: Finding[] };
    const troubles = findings.filter(({ status }) => status === 'failure' || status === 'warning');
    expect(code).toBe(troubles.some(({ status }) => status === 'failure') ? 1 : 0);
    return { code, findings, troubles, told: (check: string) => troubles.filter((finding) => finding.check === check) };
  };

  /** Another server over the same database, which believes its proxies otherwise. */
  const serverTrusting = async (TRUST_PROXY: string): Promise<number> => {
    const { issuerUrl, databaseUrl } = server.config;
    const other = await startTestServer({ databaseUrl, env: { ISSUER_URL: issuerUrl, TRUST_PROXY } });
    others.push(other);
    return other.config.port;
  };

  it('somebody signs in all the way', async () => {
    const { email } = await createPerson(server);
    const folder = mkdtempSync(path.join(makeCache(), 'latchkey-sign-in-'));
    const outfile = path.join(folder, 'sign-in.mjs');
    await build({
      ...{ entryPoints: [path.join(root, 'test/support/sign-in-process.ts')], outfile, bundle: true },
      ...{ platform: 'node', format: 'esm', target: 'node20', packages: 'external', logLevel: 'error' },
    });
    const { code, stdout, stderr } = await runNode([outfile], {
      env: {
        NODE_EXTRA_CA_CERTS: nginx.authorityFile,
        ISSUER: server.url,
        ...{
          CLIENT_ID: shop.client_id,
          CLIENT_SECRET: shop.client_secret,
          REDIRECT_URI: shop.redirect_uris[0] ?? '',
          EMAIL: email,
          PASSWORD,
        },
      },
    });
    rmSync(folder, { recursive: true, force: true });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const got = JSON.parse(stdout) as { iss: string; email: string; cookies: string[] };
    expect(got).toMatchObject({ iss: server.url, email });
    for (const name of got.cookies) expect(name).toMatch(/^__(Host|Secure)-/);
  });

  it('the doctor finds nothing', async () => {
    // As an operator runs it: a process of its own, with the authority named to it.
    const healthy = await latchkey.spawn(['doctor', '--json'], { env: { NODE_EXTRA_CA_CERTS: nginx.authorityFile } });
    const { ok, findings } = JSON.parse(healthy.stdout) as { ok: boolean; findings: Finding[] };
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(ok).toBe(true);
    expect(findings.find(({ check }) => check === 'proxy')?.message).toMatch(
      /^The server is reached through a proxy at (127\.0\.0\.1|::1), and sees https:/,
    );
  });

  it("the doctor tells a certificate that this machine does not trust, and how to trust an authority of one's own", async () => {
    const { ca } = https.globalAgent.options;
    https.globalAgent.options.ca = rootCertificates.slice(0, 1);
    const { told } = await examine().finally(() => {
      https.globalAgent.options.ca = ca;
    });
    expect(told('issuer')).toMatchObject([{ status: 'failure', mend: expect.stringContaining('NODE_EXTRA_CA_CERTS') }]);
  });

  const mistakes: { name: string; mistake: Mistake; check: string; status?: string; message: RegExp; mend: RegExp; broken: boolean }[] = [
    {
      name: 'no X-Forwarded-Proto',
      mistake: [['proxy_set_header X-Forwarded-Proto $scheme;', '']],
      ...{ check: 'proxy', message: /no X-Forwarded-Proto/, mend: /proxy_set_header X-Forwarded-Proto \$scheme;/, broken: true },
    },
    {
      name: '$host, which has no port',
      mistake: [
        ['proxy_set_header Host $http_host;', 'proxy_set_header Host $host;'],
        ['proxy_set_header X-Forwarded-Host $http_host;', ''],
      ],
      ...{ check: 'proxy', message: /its port is lost \(\$host has none\)/, mend: /proxy_set_header Host \$http_host;/, broken: true },
    },
    {
      name: 'no Host at all: the name of the upstream',
      mistake: [
        ['proxy_set_header Host $http_host;', ''],
        ['proxy_set_header X-Forwarded-Host $http_host;', ''],
      ],
      ...{ check: 'proxy', message: /passes the host on as latchkey/, mend: /\$http_host/, broken: true },
    },
    {
      name: 'an inner proxy that says http',
      mistake: [['X-Forwarded-Proto $scheme;', 'X-Forwarded-Proto http;']],
      ...{ check: 'proxy', message: /says X-Forwarded-Proto: http,/, mend: /where TLS ends/, broken: true },
    },
    {
      name: 'no X-Forwarded-For',
      mistake: [['proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;', '']],
      ...{ check: 'client address', message: /does not say who is asking/, mend: /\$proxy_add_x_forwarded_for/, broken: false },
    },
    {
      name: 'HTTP/1.0 to the server',
      mistake: [['proxy_http_version 1.1;', '']],
      ...{ check: 'http version', status: 'warning', message: /HTTP\/1\.0/, mend: /proxy_http_version 1\.1/, broken: false },
    },
    {
      name: 'a buffer too small for long answers',
      mistake: [
        ['proxy_buffer_size 16k;', 'proxy_buffer_size 4k;'],
        ['proxy_buffers 8 16k;', 'proxy_buffers 8 4k;'],
      ],
      ...{ check: 'long headers', status: 'warning', message: /the proxy answers 502/, mend: /proxy_buffer_size 16k/, broken: false },
    },
    {
      name: 'buffers too small for long requests',
      mistake: [[/large_client_header_buffers 4 16k;/, 'large_client_header_buffers 4 4k;']],
      ...{ check: 'long headers', status: 'warning', message: /the proxy answers 4/, mend: /large_client_header_buffers/, broken: false },
    },
    {
      name: 'redirects that are rewritten',
      mistake: [
        [
          'proxy_redirect off;',
          'proxy_redirect ~^https://localhost:\\d+(.*)$ https://elsewhere.example.com$1; proxy_redirect / https://elsewhere.example.com/;',
        ],
      ],
      ...{ check: 'sign-in page', message: /sent to https:\/\/elsewhere\.example\.com/, mend: /proxy_redirect off/, broken: true },
    },
    {
      name: 'cookies that are changed',
      mistake: [['proxy_redirect off;', 'proxy_redirect off; proxy_cookie_flags ~ nosecure nosamesite nohttponly;']],
      ...{ check: 'cookies', message: /is not Secure/, mend: /proxy_cookie_flags/, broken: true },
    },
    {
      name: 'cookies that are taken away',
      mistake: [['proxy_redirect off;', 'proxy_redirect off; proxy_hide_header Set-Cookie;']],
      ...{ check: 'cookies', message: /^Browsers are given no cookies/, mend: /proxy_hide_header Set-Cookie/, broken: true },
    },
    {
      name: 'a JWKS that is cached for a year',
      mistake: [['proxy_redirect off;', 'proxy_redirect off; proxy_hide_header Cache-Control; expires 365d;']],
      ...{ check: 'jwks', message: /may be cached otherwise/, mend: /no "expires"/, broken: true },
    },
    {
      name: 'transport security that is taken away',
      mistake: [['proxy_redirect off;', 'proxy_redirect off; proxy_hide_header Strict-Transport-Security;']],
      ...{ check: 'strict transport', message: /not told/, mend: /proxy_hide_header/, broken: true },
    },
    {
      name: 'preflights that the proxy answers itself',
      mistake: [['proxy_redirect off;', 'proxy_redirect off; if ($request_method = OPTIONS) { return 405; }']],
      ...{ check: 'cors', message: /preflight of https:\/\/spa\.localhost answers 405/, mend: /Let OPTIONS/, broken: true },
    },
    {
      name: 'endpoints that are rewritten in what the server says',
      mistake: [
        [
          'proxy_redirect off;',
          'proxy_redirect off; proxy_set_header Accept-Encoding ""; sub_filter_types application/json; sub_filter_once off; sub_filter "/token\\"" "/x/../../token\\""; sub_filter "https://localhost:$server_port/token" "http://inner/token";',
        ],
      ],
      ...{ check: 'discovery', message: /Not at the issuer's own address: token_endpoint/, mend: /sub_filter/, broken: true },
    },
  ];
  it.each(mistakes)('the doctor tells $name', async ({ mistake, check, status = 'failure', message, mend, broken }) => {
    await nginx.serve({ upstreamPort: server.config.port, mistake });
    const { told, troubles, code } = await examine();
    expect(troubles).toContainEqual(expect.objectContaining({ check, status }));
    const [finding] = told(check);
    expect(finding?.message).toMatch(message);
    expect(finding?.mend).toMatch(mend);
    if (broken) expect(code).toBe(1);
  });

  it('the doctor looks at where plain http leads, where the issuer has the port of https', async () => {
    await nginx.serve({ upstreamPort: server.config.port });
    const look = () => checkPlainHttp('https://localhost', { port: nginx.plainPort });
    expect(await look()).toMatchObject([{ check: 'plain http', status: 'ok', message: expect.stringContaining('is sent to https') }]);
    for (const [instead, status, message] of [
      ['return 301 https://elsewhere.example.com$request_uri;', 'failure', /sent to https:\/\/elsewhere\.example\.com, not to/],
      ['return 301 http://$host$request_uri;', 'failure', /sent to http:\/\/localhost, not to/],
      ['return 200 "hello";', 'failure', /served by plain http/],
      ['return 404;', 'warning', /answers 404/],
    ] as const) {
      await nginx.serve({ upstreamPort: server.config.port, mistake: [['return 301 https://$host$request_uri;', instead]] });
      expect(await look()).toMatchObject([
        { status, message: expect.stringMatching(message), mend: expect.stringContaining('return 301') },
      ]);
    }
    expect(await checkPlainHttp('https://localhost', { port: await freePort() })).toMatchObject([{ status: 'ok' }]);
    expect(await checkPlainHttp(server.url, { port: nginx.plainPort })).toEqual([]);
  });

  it.each([
    ['nobody', '10.9.8.7', 'proxy', /is not trusted, so its X-Forwarded-Proto counts for nothing/, 'Set TRUST_PROXY=1,'],
    ['more proxies than there are', '2', 'client address', /believes the address that a client writes/, 'Set TRUST_PROXY=1:'],
  ])('the doctor tells a TRUST_PROXY that names %s', async (_name, trust, check, message, mend) => {
    await nginx.serve({ upstreamPort: await serverTrusting(trust) });
    const [finding] = (await examine()).told(check);
    expect(finding?.message).toMatch(message);
    expect(finding?.mend).toContain(mend);
  });

  it('the doctor tells a TRUST_PROXY that names fewer proxies than there are', async () => {
    await nginx.serve({
      upstreamPort: server.config.port,
      // As if another proxy stood in front: it has written its own client before nginx writes it.
      mistake: [['X-Forwarded-For $proxy_add_x_forwarded_for;', 'X-Forwarded-For "$http_x_forwarded_for, 192.0.2.7, $remote_addr";']],
    });
    const [finding] = (await examine()).told('client address');
    expect(finding?.message).toMatch(/Clients are taken for a proxy \(127\.0\.0\.1\)/);
    expect(finding?.mend).toContain('Set TRUST_PROXY=2:');
  });

  it('the doctor tells a proxy that passes on certificates which clients write', async () => {
    const { issuerUrl, databaseUrl } = server.config;
    const env = { TRUST_PROXY: 'loopback', CLIENT_CERTIFICATE_HEADER: 'x-ssl-client-cert' };
    const other = await startTestServer({ databaseUrl, env: { ISSUER_URL: issuerUrl, ...env } });
    others.push(other);
    await nginx.serve({ upstreamPort: other.config.port });
    const [finding] = (await examine(env)).told('client certificates');
    expect(finding?.message).toMatch(/x-ssl-client-cert that a client writes: anybody can show any certificate/);
    await nginx.serve({
      upstreamPort: other.config.port,
      mistake: [['proxy_redirect off;', 'proxy_redirect off; proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;']],
    });
    expect((await examine(env)).told('client certificates')).toEqual([]);
  });
});

function makeCache(): string {
  const cache = path.join(root, 'node_modules', '.cache');
  mkdirSync(cache, { recursive: true });
  return cache;
}
