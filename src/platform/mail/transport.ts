import { createTransport } from 'nodemailer';
import { headerLine, requireMailAddress } from './address.js';
import type { Mailbox } from './mailbox.js';

export type OutgoingMail = { from: string; to: string; subject: string; html: string; text: string };

/** Where mails go: a mail server, or the development mailbox. */
export type MailTransport = { deliver(mail: OutgoingMail): Promise<void>; close(): void };

const TIMEOUT_MS = 10_000;

const connect = (smtpUrl: string) =>
  createTransport({
    url: smtpUrl,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: 2 * TIMEOUT_MS,
    // A mail is text we made; nothing in it may make the library read a file or fetch an address.
    disableFileAccess: true,
    disableUrlAccess: true,
  });

/** Connects and signs in as for a mail, and sends none. @throws nodemailer's error when the server does not take it */
export async function checkMailServer(smtpUrl: string): Promise<void> {
  const transporter = connect(smtpUrl);
  try {
    await transporter.verify();
  } finally {
    transporter.close();
  }
}

/** @param smtpUrl nodemailer connection URL: smtp://user:password@host:587, smtps://... */
export function createSmtpTransport(smtpUrl: string): MailTransport {
  const transporter = connect(smtpUrl);
  return {
    async deliver({ from, to, subject, html, text }) {
      await transporter.sendMail({
        from: headerLine(from),
        // As an object it is one address and never parsed as a list.
        to: { name: '', address: requireMailAddress(to) },
        subject: headerLine(subject),
        text,
        html,
        // Tells out-of-office programs to be quiet (RFC 3834).
        headers: { 'Auto-Submitted': 'auto-generated', 'X-Auto-Response-Suppress': 'All' },
      });
    },
    close: () => transporter.close(),
  };
}

/** Keeps mails in the development mailbox. */
export function createMailboxTransport(mailbox: Mailbox): MailTransport {
  return {
    async deliver(mail) {
      await mailbox.keep({ ...mail, to: requireMailAddress(mail.to), subject: headerLine(mail.subject) });
    },
    close: () => undefined,
  };
}
