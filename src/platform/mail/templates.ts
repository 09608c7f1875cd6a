/** To whom a mail goes. `name` as the person wrote it; `locale` chooses the language. */
type Recipient = { email: string; name?: string | undefined; locale?: string | undefined };

/** A mail with a link that works once, until `expiresAt`. */
type WithLink = Recipient & { url: string; validHours: number; expiresAt: Date };

/** The mails there are, each with what its text needs. */
export type MailModels = {
  'verify-email': WithLink;
  'reset-password': WithLink;
  /** to the owner, when somebody registers with the address again */
  'already-registered': Recipient & { loginUrl: string; forgotUrl: string };
  'password-changed': Recipient & {
    accountUrl: string;
    forgotUrl: string;
    at: Date;
    /** API keys that go on working, or that ended with the old password */
    apiKeys?: { living: number } | { ended: number } | undefined;
  };
  /** to an address that is to become an account's */
  'confirm-email-change': WithLink;
  /** to the owner of an address, when somebody wants it for another account */
  'email-change-taken': Recipient & { loginUrl: string; forgotUrl: string };
  /** to the address an account has, when another one was asked for */
  'email-change-requested': Recipient & { accountUrl: string; forgotUrl: string; at: Date };
  /** to the address an account had */
  'email-changed': Recipient & { accountUrl: string; forgotUrl: string; at: Date };
  'new-device-sign-in': Recipient & {
    sessionsUrl: string;
    forgotUrl: string;
    at: Date;
    userAgent?: string | undefined;
    ip?: string | undefined;
  };
  'account-locked': Recipient & { forgotUrl: string; minutes: number; at: Date };
  /** an application was signed out, because its refresh token was used twice */
  'token-reuse': Recipient & { application?: string | undefined; sessionsUrl: string; forgotUrl: string; at: Date };
  /** to the address an operator took from an account, and to the one they gave it */
  'email-replaced': Recipient & { forgotUrl: string; at: Date };
  'email-set': Recipient & { accountUrl: string; forgotUrl: string; at: Date };
  /** an application asks whether it may sign the person in (CIBA) */
  'approve-request': Recipient & {
    application: string;
    bindingMessage?: string | undefined;
    url: string;
    forgotUrl: string;
    expiresAt: Date;
  };
  /** sent by an operator who tries the mail settings */
  'email-test': Recipient & { url: string };
};

export type MailTemplate = keyof MailModels;

export type RenderedMail = { subject: string; html: string; text: string };

/** Writes a mail. The texts belong to the views; this is all that mail delivery knows of them. */
export type RenderMail = <Template extends MailTemplate>(template: Template, model: MailModels[Template]) => RenderedMail;

/** One mail to one person: `to` also becomes the model's `email`. */
export type MailRequest = {
  [Template in MailTemplate]: { to: string; template: Template; data: Omit<MailModels[Template], 'email'> };
}[MailTemplate];
