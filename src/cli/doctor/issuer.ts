import { type Finding, failure, ok } from './finding.js';

const TIMEOUT_MS = 5000;
const MAX_BODY_CHARS = 100_000;

/** Asks the issuer as an application would: is somebody there, and is it us? */
export async function checkIssuer(issuerUrl: string): Promise<Finding[]> {
  const alive = await get(`${issuerUrl}/livez`);
  if (alive.status !== 200) {
    const mend = `Start the server (npm start). If it runs, check ISSUER_URL and, behind a proxy, that the proxy passes requests on and TRUST_PROXY names it.`;
    return [failure('issuer', `${issuerUrl}/livez ${alive.told}.`, mend)];
  }
  return [ok('issuer', `${issuerUrl} is reached.`), await checkDiscovery(issuerUrl)];
}

async function checkDiscovery(issuerUrl: string): Promise<Finding> {
  const { status, body, told } = await get(`${issuerUrl}/.well-known/openid-configuration`);
  const check = 'discovery';
  if (status !== 200) {
    return failure(
      check,
      `The discovery document ${told}.`,
      'Does the proxy keep the Host header, and is TRUST_PROXY set? See the log of the server.',
    );
  }
  const issuer = issuerOf(body);
  if (issuer === issuerUrl) return ok(check, 'The issuer it names is the one that is set.');
  return failure(
    check,
    `${issuerUrl} names the issuer ${issuer === undefined ? 'nowhere' : JSON.stringify(issuer).slice(0, 200)}.`,
    'Give the server and this command the same ISSUER_URL; another server may be listening there.',
  );
}

function issuerOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { issuer?: unknown }).issuer;
  } catch {
    return undefined;
  }
}

async function get(url: string): Promise<{ status?: number; body: string; told: string }> {
  try {
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
    return { status: response.status, body: (await response.text()).slice(0, MAX_BODY_CHARS), told: `answers ${response.status}` };
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string; message?: string } };
    return {
      body: '',
      told:
        name === 'TimeoutError'
          ? `does not answer within ${TIMEOUT_MS / 1000} s`
          : `cannot be reached (${cause?.code ?? cause?.message ?? name})`,
    };
  }
}
