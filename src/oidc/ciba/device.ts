import type { Links } from '../../identity/index.js';
import type { Mailer } from '../../platform/mail/index.js';

/** What a person is asked, as far as a device has to know it. */
export type DeviceQuestion = {
  account: { id: string; email: string; name: string | undefined };
  client: { id: string; name: string };
  /** what the application shows to whoever sits in front of it, so that the person can compare */
  bindingMessage: string | undefined;
  /** names the question in its link; no credential, since only the person's own sign-in answers it */
  linkToken: string;
  expiresAt: Date;
};

/** How a person is reached who is to answer (CIBA's authentication device). Returns before the person has heard of it; what goes wrong is its own to log. */
export type AuthenticationDevice = { ask(question: DeviceQuestion): Promise<void> };

/** A mail with a link to the page on which the question is answered. */
export function createMailDevice({
  mailer,
  links,
}: {
  mailer: Pick<Mailer, 'send'>;
  links: Pick<Links, 'approve' | 'forgot'>;
}): AuthenticationDevice {
  return {
    ask: ({ account, client, bindingMessage, linkToken, expiresAt }) =>
      mailer.send({
        to: account.email,
        template: 'approve-request',
        data: {
          name: account.name,
          application: client.name,
          bindingMessage,
          url: links.approve(linkToken),
          forgotUrl: links.forgot,
          expiresAt,
        },
      }),
  };
}
