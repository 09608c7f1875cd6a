import type { KoaContextWithOIDC } from 'oidc-provider';
import { afterwards, isForPrograms } from './afterwards.js';
import { isUnverified } from './clients/index.js';
import { readForwardingForm } from './forwarding-forms.js';
import type { ProviderExtension } from './provider.js';

/** Where an application would have sent the browser without anybody having decided anything. */
export type Departure = {
  clientId: string;
  target: string;
  /** what goes along in a form; undefined: the address says all */
  fields: Record<string, string> | undefined;
  after: 'refusal' | 'sign_out';
};

export type DeparturePage = (ctx: KoaContextWithOIDC, departure: Departure) => Promise<void>;

/**
 * Anybody can register a client, and with it an address that a link on our host would lead to: a request that is refused, or a sign-out, goes there at
 * once (RFC 9700, section 4.11.2). For clients that nobody here made the person is asked first, unless they have let that client in in this browser.
 * A frame is let go: its address is not what anybody reads, and silent requests of such clients are made in one.
 */
export const holdDepartures =
  (ask: DeparturePage): ProviderExtension =>
  (provider) => {
    const isProgram = isForPrograms(provider);
    afterwards(
      provider,
      (ctx) => !isProgram(ctx),
      async (context) => {
        const ctx = context as KoaContextWithOIDC;
        const client = ctx.oidc?.client;
        const after = client && isUnverified(client) ? reasonToAsk(ctx, client.clientId) : undefined;
        if (!client || !after) return;
        const form = typeof ctx.body === 'string' ? readForwardingForm(ctx.body) : undefined;
        const target = form?.action ?? ctx.response.get('Location');
        if (!target || new URL(target, provider.issuer).origin === new URL(provider.issuer).origin) return;
        ctx.remove('Location');
        await ask(ctx, { clientId: client.clientId, target, fields: form?.fields, after });
      },
    );
  };

function reasonToAsk(ctx: KoaContextWithOIDC, clientId: string): Departure['after'] | undefined {
  const { route, session } = ctx.oidc;
  if (route === 'end_session_confirm') return 'sign_out';
  if (route !== 'authorization' || ctx.get('Sec-Fetch-Dest') === 'iframe') return undefined;
  return session?.accountId && session.grantIdFor(clientId) ? undefined : 'refusal';
}
