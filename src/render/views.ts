/**
 * What each page is given: plain data, nothing computed in a template. The key is the template's path under `views/`.
 * Wire names of the fields stand beside each form; every form also carries `csrf` and the model's `hidden` members.
 */

import type { AccountViews } from './account-views.js';
import type { ActionModel, DetailsView, FormError, FormModel, NewPasswordModel, Person, ResourceScopes } from './view-parts.js';

export type * from './account-views.js';
export type * from './view-parts.js';

/** Fields: `identifier`, `password`, `remember` (`on`). */
export type LoginView = FormModel & {
  /** what was typed before, or the login_hint */
  identifier?: string | undefined;
  /** is "keep me signed in" offered and ticked; absent: not offered */
  keepSignedIn?: boolean | undefined;
  /** somebody is signed in already and is asked again (prompt=login, max_age) */
  reauthenticate?: boolean | undefined;
  registerUrl?: string | undefined;
  forgotUrl?: string | undefined;
  /** offered after `login.unverified`; posts `identifier` */
  resend?: ActionModel | undefined;
  /** give up and go back to the application */
  cancel?: ActionModel | undefined;
  /** something good that has just happened */
  notice?: 'password_reset' | 'email_verified' | 'signed_out' | undefined;
};

/** Buttons: `decision` = `allow` | `cancel`. The application is `PageContext.client`. */
export type ConsentView = FormModel & {
  account: Person;
  /** sign in as somebody else */
  switchAccount?: ActionModel | undefined;
  clientId: string;
  /** host (and port) the person goes back to; empty where a device waits */
  redirectHost: string;
  /** to a site, to a program on this device, or to the program that a scheme opens */
  redirectsTo?: 'site' | 'device' | 'scheme' | undefined;
  /** it is a device that waits for the answer */
  forDevice?: boolean | undefined;
  /** OpenID scopes that are asked for, `offline_access` among them */
  scopes: readonly string[];
  /** what it wants to know beside them, by the names of claims */
  claims?: readonly string[] | undefined;
  resources?: readonly ResourceScopes[] | undefined;
  /** asked for in detail, this once */
  details?: readonly DetailsView[] | undefined;
  /** was something allowed before: only what is new is asked */
  alreadyAllowed?: boolean | undefined;
  /** is the answer kept (never for unverified applications) */
  remembered: boolean;
  /** where it can be taken back */
  applicationsUrl: string;
  policyUrl?: string | undefined;
  termsUrl?: string | undefined;
};

/** Fields: `email`, `username`, `first_name`, `last_name`, `password`. */
export type RegisterView = NewPasswordModel & {
  email?: string | undefined;
  username?: string | undefined;
  firstName?: string | undefined;
  lastName?: string | undefined;
  loginUrl: string;
};

/** One page for all that ends in a mail, whether or not there is an account. Resend posts `email`. */
export type CheckMailView = {
  /** which mail was (perhaps) sent */
  kind: 'verify' | 'reset';
  email: string;
  /** how long the link in it works */
  validHours: number;
  resend?: (ActionModel & { errors?: readonly FormError[] | undefined }) | undefined;
  /** is this the answer to a resend */
  sentAgain?: boolean | undefined;
  /** go back and give another address */
  changeUrl?: string | undefined;
  loginUrl?: string | undefined;
  /** only in development */
  mailboxUrl?: string | undefined;
};

/** The page a verification mail opens; its POST consumes the token (put it into `hidden`). Field: `password`, if asked. */
export type VerifyView = FormModel & {
  email?: string | undefined;
  /** another browser than the registering one must give the password */
  passwordNeeded: boolean;
  forgotUrl?: string | undefined;
};

export type VerifiedView = {
  email?: string | undefined;
  continueUrl: string;
  signedIn: boolean;
  /** the application asked in another browser, so it is not there that the button leads */
  elsewhere?: boolean | undefined;
};

/** Field: `email`. */
export type ForgotView = FormModel & { email?: string | undefined; loginUrl: string };

/** Field: `password`. The token goes into `hidden`. */
export type ResetView = NewPasswordModel & {
  /** for password managers; never shown when unknown */
  email?: string | undefined;
};

export type ResetDoneView = { continueUrl: string };

/** Buttons: `logout` = `yes` ends the session everywhere; without it only the application's part ends (offered if `clientOnly`). */
export type LogoutView = FormModel & {
  account?: Person | undefined;
  clientOnly?: boolean | undefined;
  /** names of the applications that will hear of it */
  told?: readonly string[] | undefined;
  stayUrl?: string | undefined;
};

/** Sends the browser on by POST, by itself where scripts run. No CSRF field: the form may go to an application. */
export type ForwardView = { action: string; fields: Readonly<Record<string, string>> };

/**
 * Asks before an application that nobody here made gets the browser. A link, or with `fields` a form without a CSRF field, since it goes to the application.
 */
export type LeaveView = {
  target: string;
  fields?: Readonly<Record<string, string>> | undefined;
  host: string;
  goesTo: 'site' | 'device' | 'scheme';
  clientId: string;
  after: 'refusal' | 'sign_out';
};

/** Field: `user_code`. */
export type DeviceCodeView = FormModel & { userCode?: string | undefined };

/** Buttons: `confirm` = `yes`, `abort` = `yes`. The application is `PageContext.client`. */
export type DeviceConfirmView = FormModel & {
  /** as the device shows it */
  userCode: string;
  clientId: string;
  /** who is signed in in this browser, if somebody is */
  account?: Person | undefined;
  scopes: readonly string[];
  resources?: readonly ResourceScopes[] | undefined;
  /** where the code was asked for */
  askedFrom: { ip?: string | undefined; userAgent?: string | undefined };
};

export type DeviceDoneView = { applicationsUrl: string };

export type DeviceCancelledView = { enterUrl: string };

/** Buttons: `decision` = `allow` | `refuse`. The application is `PageContext.client`; the token goes into `hidden`. */
export type ApproveView = FormModel & {
  account: Person;
  clientId: string;
  /** what the application shows to whoever sits in front of it */
  bindingMessage?: string | undefined;
  askedAt: Date;
  expiresAt: Date;
  scopes: readonly string[];
  resources?: readonly ResourceScopes[] | undefined;
};

export type ApproveAnsweredView = { allowed: boolean; applicationsUrl: string };

/** The form lets somebody else sign in. */
export type ApproveNotYoursView = FormModel & { account: Person };

export type SignedOutView = { signInUrl?: string | undefined; continueUrl?: string | undefined };

/** The page that the mail to a new address opens; its POST consumes the token (put it into `hidden`). */
export type EmailConfirmView = FormModel & { newEmail: string; oldEmail: string };

export type EmailChangedView = { newEmail: string; continueUrl: string };

/** A way on from an error. `label` names a text `error.way.<label>`; `text` replaces it. */
export type ErrorWay = { href: string; label?: ErrorWayLabel | undefined; text?: string | undefined };
export type ErrorWayLabel = 'start' | 'sign_in' | 'start_again' | 'try_again' | 'forgot' | 'register' | 'account' | 'back' | 'device';

/** What happened is told by `code`, else by `status`; `message` is public text for codes the catalogue does not know. */
export type ErrorView = {
  status: number;
  code: string;
  message?: string | undefined;
  values?: Record<string, string | number> | undefined;
  /** the first is the main button; absent: back to a trusted application, else to the start page */
  ways?: readonly ErrorWay[] | undefined;
  /** shown instead of PageContext.requestId */
  reference?: string | undefined;
  /** lines only a developer can use (OAuth error, client id); shown folded away, and given in development only */
  technical?: readonly { name: string; value: string }[] | undefined;
};

/** In production only the brand and the account links are given. */
export type StartView = {
  account?: Person | undefined;
  accountUrl: string;
  registerUrl?: string | undefined;
  demoUrl?: string | undefined;
  mailboxUrl?: string | undefined;
  discoveryUrl?: string | undefined;
  jwksUrl?: string | undefined;
  apiDocsUrl?: string | undefined;
  issuer?: string | undefined;
};

export type MailboxView = {
  mails: readonly { href: string; to: string; subject: string; sentAt: Date }[];
  clear?: ActionModel | undefined;
};

export type MailView = {
  from: string;
  to: string;
  subject: string;
  sentAt: Date;
  text: string;
  /** addresses found in the mail, to be clicked */
  links: readonly string[];
  /** where the mail's HTML is served with a Content-Security-Policy of its own (a srcdoc frame would inherit ours and lose its styles) */
  htmlUrl?: string | undefined;
  mailboxUrl: string;
};

/** Every page there is, with its model. */
export type Views = AccountViews & {
  start: StartView;
  error: ErrorView;
  'interaction/login': LoginView;
  'interaction/consent': ConsentView;
  'interaction/register': RegisterView;
  'interaction/check-mail': CheckMailView;
  'interaction/verify': VerifyView;
  'interaction/verified': VerifiedView;
  'interaction/forgot': ForgotView;
  'interaction/reset': ResetView;
  'interaction/reset-done': ResetDoneView;
  'interaction/email-confirm': EmailConfirmView;
  'interaction/email-changed': EmailChangedView;
  'interaction/logout': LogoutView;
  'interaction/signed-out': SignedOutView;
  'interaction/forward': ForwardView;
  'interaction/leave': LeaveView;
  'device/code': DeviceCodeView;
  'device/confirm': DeviceConfirmView;
  'device/done': DeviceDoneView;
  'device/cancelled': DeviceCancelledView;
  'ciba/approve': ApproveView;
  'ciba/answered': ApproveAnsweredView;
  'ciba/not-yours': ApproveNotYoursView;
  'dev/mailbox': MailboxView;
  'dev/mail': MailView;
};
