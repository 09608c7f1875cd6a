import { Provider } from 'oidc-provider';
import type { ProviderExtension } from './provider.js';

/**
 * What lets tabs of one browser be signed in from at the same moment.
 *
 * - Tabs that begin without a session make one each, and the browser keeps the cookie that came last. The library refuses to go on where the
 *   session is another than the interaction began in; here a session of the same person, in the browser that proves by its cookie to have begun
 *   the interaction, takes that one's place. What the person has to be asked is decided anew after it.
 * - The library gives a session a new id whenever an interaction ends, and the other tab's request may be on its way with the old one. The id
 *   changes with each sign-in (session fixation), but stays when somebody who had signed in before only answered what an application asked.
 */
export const joinParallelSignIns: ProviderExtension = (provider) => {
  const { Interaction, Session } = provider;
  const find = Interaction.find;
  Interaction.find = async function findForThisBrowser(this: typeof Interaction, ...args: Parameters<typeof find>) {
    const interaction = (await find.apply(this, args)) as InstanceType<typeof Interaction> | undefined;
    const oidc = Provider.ctx?.oidc;
    if (oidc?.route !== 'resume' || !interaction?.session) return interaction;
    if (oidc.session?.accountId === interaction.session.accountId) interaction.session.uid = oidc.session.uid;
    return interaction;
  } as typeof find;

  const prototype = Session.prototype as unknown as { resetIdentifier(): void };
  const reset = prototype.resetIdentifier;
  prototype.resetIdentifier = function resetUnlessConsent() {
    if (!Provider.ctx?.oidc.result?.consent) reset.call(this);
  };
};
