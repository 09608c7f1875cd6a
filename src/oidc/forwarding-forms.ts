import type { KoaContextWithOIDC } from 'oidc-provider';
import { afterwards, isForPrograms } from './afterwards.js';
import type { ProviderExtension } from './provider.js';

/** A form that sends the browser on by POST: where to, with what, and who asked for it. */
export type ForwardingForm = {
  action: string;
  fields: Record<string, string>;
  clientId: string | undefined;
  /** where redirects may end that follow the submission */
  targets: readonly string[];
};

export type ForwardPage = (ctx: KoaContextWithOIDC, form: ForwardingForm) => Promise<void>;

/**
 * The library sends a browser on by POST with a bare page of its own: when somebody else signs in in a browser (the first person's session
 * ends in between), when somebody signs out who is not signed in, and for `response_mode=form_post`. People get a page of ours instead.
 */
export const dressForwardingForms =
  (forward: ForwardPage): ProviderExtension =>
  (provider) => {
    // What only programs call shows nobody a page.
    const isProgram = isForPrograms(provider);
    afterwards(
      provider,
      (ctx) => !isProgram(ctx),
      async (ctx) => {
        if (typeof ctx.body !== 'string' || !ctx.response.is('html')) return;
        const form = readForwardingForm(ctx.body);
        if (!form) return;
        const oidc = (ctx as KoaContextWithOIDC).oidc;
        const { params } = oidc.entities.Interaction ?? {};
        const targets = [form.action, params?.redirect_uri, oidc.session?.state?.postLogoutRedirectUri];
        await forward(ctx as KoaContextWithOIDC, {
          ...form,
          clientId: oidc.client?.clientId ?? (typeof params?.client_id === 'string' ? params.client_id : undefined),
          targets: targets.filter((target) => typeof target === 'string'),
        });
      },
    );
  };

const ENTITIES: Record<string, string> = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#39;': "'" };
const decode = (text = '') => text.replace(/&(?:amp|lt|gt|quot|#39);/g, (entity) => ENTITIES[entity] ?? entity);

/** The library hands the form as HTML; only its address and values are taken. Undefined for any other page. */
export function readForwardingForm(html: string): Pick<ForwardingForm, 'action' | 'fields'> | undefined {
  if (!html.includes('<title>Submitting Callback</title>')) return undefined;
  const action = decode(/<form method="post" action="([^"]*)">/.exec(html)?.[1]);
  const inputs = [...html.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"\/>/g)];
  return { action, fields: Object.fromEntries(inputs.map(([, name, value]) => [decode(name), decode(value)])) };
}
