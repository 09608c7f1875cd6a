/** What the pages are given on which people look after their own account; see views.ts. */
import type { ActionModel, FormModel, NewPasswordModel, Person, ResourceScopes } from './view-parts.js';

/** What the frame around every account page needs. Its addresses are fixed: /account, /account/profile, /email, /password, /sessions, /applications, /api-keys. */
export type AccountFrame = {
  account: Person;
  signOut: ActionModel;
  /** are there API keys here */
  programs?: boolean | undefined;
  notice?:
    | 'profile_saved'
    | 'password_changed'
    | 'session_ended'
    | 'sessions_ended'
    | 'application_removed'
    | 'email_change_requested'
    | 'email_change_cancelled'
    | 'api_key_revoked'
    | undefined;
};

export type OverviewView = AccountFrame & {
  username?: string | undefined;
  emailVerified: boolean;
  passwordSetAt?: Date | undefined;
  sessionCount: number;
  applicationCount: number;
  memberSince: Date;
};

/** Fields: `full_name`, `first_name`, `last_name`, `username`. */
export type ProfileView = AccountFrame &
  FormModel & {
    fullName?: string | undefined;
    firstName?: string | undefined;
    lastName?: string | undefined;
    username?: string | undefined;
    emailVerified: boolean;
    /** an address that waits to be confirmed */
    pendingEmail?: string | undefined;
  };

/** Fields: `new_email`, `current_password`. */
export type EmailView = AccountFrame &
  FormModel & {
    emailVerified: boolean;
    /** what was typed before */
    newEmail?: string | undefined;
    /** an address that waits to be confirmed, until when, and how it is given up */
    pending?: { newEmail: string; expiresAt: Date; cancel: ActionModel } | undefined;
    forgotUrl?: string | undefined;
    /** only in development */
    mailboxUrl?: string | undefined;
  };

/** Fields: `current_password`, `new_password`. */
export type PasswordView = AccountFrame & NewPasswordModel & { passwordSetAt?: Date | undefined; forgotUrl?: string | undefined };

export type SessionItem = {
  /** a browser, or a program that signed in with the password */
  kind?: 'browser' | 'api' | undefined;
  userAgent?: string | undefined;
  ip?: string | undefined;
  signedInAt: Date;
  lastSeenAt: Date;
  /** the one this page is looked at with */
  current: boolean;
  end: ActionModel;
};
export type SessionsView = AccountFrame & { sessions: readonly SessionItem[]; endOthers?: ActionModel | undefined };

export type ApplicationItem = {
  clientId: string;
  name: string;
  logoUri?: string | undefined;
  uri?: string | undefined;
  trusted: boolean;
  scopes: readonly string[];
  resources?: readonly ResourceScopes[] | undefined;
  since: Date;
  remove: ActionModel;
};
export type ApplicationsView = AccountFrame & { applications: readonly ApplicationItem[] };

export type ApiKeyItem = {
  name: string;
  /** how the key begins */
  prefix: string;
  permissions: readonly string[];
  createdAt: Date;
  lastUsedAt?: Date | undefined;
  expiresAt?: Date | undefined;
  expired: boolean;
};

/** Fields: `name`, `expires` (one of the choices' values), and for each permission that is chosen `may:<permission>` = `on`. */
export type ApiKeysView = AccountFrame &
  FormModel & {
    keys: readonly (ApiKeyItem & { revokeUrl: string })[];
    name?: string | undefined;
    permissions: readonly { name: string; chosen: boolean }[];
    /** days, or `never` */
    expiry: readonly { value: string; chosen: boolean }[];
  };

/** The one time a key is told. */
export type ApiKeyCreatedView = AccountFrame & { key: string; apiKey: ApiKeyItem; backUrl: string };

/** Asks once more before a key is revoked. */
export type ApiKeyRevokeView = AccountFrame & FormModel & { apiKey: ApiKeyItem; backUrl: string };

/** The account pages, with their models. */
export type AccountViews = {
  'account/overview': OverviewView;
  'account/profile': ProfileView;
  'account/email': EmailView;
  'account/password': PasswordView;
  'account/sessions': SessionsView;
  'account/applications': ApplicationsView;
  'account/api-keys': ApiKeysView;
  'account/api-key-created': ApiKeyCreatedView;
  'account/api-key-revoke': ApiKeyRevokeView;
};
