/**
 * Owns: getting a mail out, by SMTP or into the development mailbox; waiting, repeating, giving up.
 * Does not own: what a mail says (the renderer handed in), who gets one (identity).
 */
import { createMailbox, type Mailbox } from './mailbox.js';
import { createQueuedMailer, type Mailer, type MailerDeps } from './mailer.js';
import { createMailboxTransport, createSmtpTransport } from './transport.js';

export type { KeptMail, Mailbox } from './mailbox.js';
export type { Mailer } from './mailer.js';
export type { MailModels, MailRequest, MailTemplate, RenderedMail, RenderMail } from './templates.js';

export { checkMailServer, createSmtpTransport } from './transport.js';

export type CreateMailerDeps = Omit<MailerDeps, 'transport'> & {
  /** nodemailer connection URL; without one, mails go to the mailbox */
  smtpUrl?: string | undefined;
  /** folder of the development mailbox, made with the first mail */
  mailboxDir: string;
};

/** @returns the mailer, and the mailbox if that is where mails go */
export function createMailer({ smtpUrl, mailboxDir, ...deps }: CreateMailerDeps): Mailer & { mailbox: Mailbox | undefined } {
  const mailbox = smtpUrl === undefined ? createMailbox(mailboxDir) : undefined;
  const transport = mailbox ? createMailboxTransport(mailbox) : createSmtpTransport(smtpUrl as string);
  return { ...createQueuedMailer({ ...deps, transport }), mailbox };
}
