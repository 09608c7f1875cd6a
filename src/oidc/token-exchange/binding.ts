import { type AccessToken, errors, type KoaContextWithOIDC, type Provider } from 'oidc-provider';
// Every other grant of the library has its proofs checked by these; there is no public way to them, and a second implementation would be worse.
import { checkDpopReplay, checkDpopRequired, checkMtlsCert, type DpopProof, validateDpop } from 'oidc-provider/lib/helpers/grants.js';
import type { PresentedToken } from './tokens.js';

/** What the request proved: the result is bound to the same. */
export type Binding = { proof: DpopProof | undefined; certificate: unknown };

/** Reads what the client proves with this request (RFC 9449, RFC 8705), and refuses one that has to prove something and does not. */
export async function readBinding(provider: Provider, ctx: KoaContextWithOIDC): Promise<Binding> {
  const proof = await validateDpop(provider, ctx);
  const certificate = checkMtlsCert(provider, ctx);
  checkDpopRequired(provider, ctx, proof);
  return { proof, certificate };
}

/** A bound token is good only with its key: whoever has found it elsewhere must not turn it into one that is not bound. */
export function requireProofOf({ jkt, certificateBound }: PresentedToken, { proof }: Binding, name: string): void {
  if (certificateBound) throw new errors.InvalidRequest(`${name} is bound to a certificate`);
  if (jkt !== undefined && jkt !== proof?.thumbprint) throw new errors.InvalidRequest(`${name} is bound to another key`);
}

export async function bind(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  token: AccessToken,
  { proof, certificate }: Binding,
): Promise<void> {
  const bindable = token as unknown as { setThumbprint(kind: 'x5t' | 'jkt', value: unknown): void };
  if (certificate) bindable.setThumbprint('x5t', certificate);
  if (!proof) return;
  await checkDpopReplay(provider, ctx, proof, String(ctx.oidc.client?.clientId));
  bindable.setThumbprint('jkt', proof.thumbprint);
}
