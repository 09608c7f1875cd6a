import { createHash, randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWTHeaderParameters, SignJWT } from 'jose';

export type DpopKey = {
  thumbprint: string;
  /** A proof (RFC 9449, section 4.2) for POST to `htu`, with members changed; those that are undefined are left out. */
  prove(htu: string, claims?: Record<string, unknown>, header?: Record<string, unknown>): Promise<string>;
};

/** A key that proves itself by hand, for proofs that a library would not make. */
export async function createDpopKey(alg = 'ES256'): Promise<DpopKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = await exportJWK(publicKey);
  return {
    thumbprint: await calculateJwkThumbprint(jwk),
    prove(htu, claims = {}, header = {}) {
      const payload = { htm: 'POST', htu, jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims };
      return new SignJWT(JSON.parse(JSON.stringify(payload)))
        .setProtectedHeader({ alg, typ: 'dpop+jwt', jwk, ...header } as JWTHeaderParameters)
        .sign(privateKey);
    },
  };
}

/** The `ath` of a proof: which access token it goes with. */
export const athOf = (accessToken: string): string => createHash('sha256').update(accessToken).digest('base64url');

/** A nonce of the server, as it gives one to whoever proves a key without: good for some minutes. */
export async function nonceOf({ url }: { url: string }): Promise<string> {
  const dpop = await (await createDpopKey()).prove(`${url}/token`);
  const body = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'spa', refresh_token: 'none' });
  const response = await fetch(`${url}/token`, { method: 'POST', body, headers: { dpop } });
  const nonce = response.headers.get('dpop-nonce');
  if (!nonce) throw new Error(`no nonce was given: ${response.status}`);
  return nonce;
}
