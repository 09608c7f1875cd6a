import type { AccountViews } from '../../src/render/index.js';
import type { Words } from './render-models.js';

const at = new Date('2026-11-20T23:15:00Z');
const earlier = new Date('2026-10-02T08:05:00Z');
const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0';
const safari =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 Mobile/15E148 Safari/604.1';

/** The account pages, as buildViewCases gives the others. */
export function buildAccountViewCases(words: Words): { [K in keyof AccountViews]: { minimal: AccountViews[K]; maximal: AccountViews[K] } } {
  const account = { name: words.person, email: words.email };
  const action = { action: '/somewhere', hidden: { token: words.text } };
  const frame = { account, signOut: action };
  const form = { action: '/somewhere' };
  const strength = { score: 2, warning: words.text, suggestions: [words.text] } as const;
  const choosing = { ...form, minLength: 8, strengthUrl: '/password/strength', strength, hidden: { token: words.text } };
  const scopes = ['openid', 'profile', 'email', 'offline_access', words.text];
  const resources = [
    { name: words.client, identifier: words.url, scopes: [{ name: words.text, description: words.text }, { name: words.text }] },
  ];
  const apiKey = {
    ...{ name: words.text, prefix: words.text, permissions: ['profile:read', words.text], createdAt: earlier, lastUsedAt: at },
    ...{ expiresAt: at, expired: true },
  };
  return {
    'account/overview': {
      minimal: { ...frame, account: { email: words.email }, emailVerified: false, sessionCount: 1, applicationCount: 0, memberSince: at },
      maximal: {
        ...{ ...frame, notice: 'profile_saved', username: words.text, emailVerified: true, passwordSetAt: earlier },
        ...{ sessionCount: 3, applicationCount: 2, memberSince: earlier },
      },
    },
    'account/profile': {
      minimal: { ...frame, ...form, emailVerified: false },
      maximal: {
        ...{
          ...frame,
          ...action,
          fullName: words.person,
          firstName: words.person,
          lastName: words.person,
          username: words.text,
          emailVerified: true,
          pendingEmail: words.email,
        },
        errors: [{ code: 'accounts.username_taken', field: 'username' }],
      },
    },
    'account/email': {
      minimal: { ...frame, ...form, emailVerified: false },
      maximal: {
        ...{ ...frame, ...action, emailVerified: true, newEmail: words.email, forgotUrl: '/forgot', mailboxUrl: '/dev/mailbox' },
        pending: { newEmail: words.email, expiresAt: at, cancel: action },
        errors: [
          { code: 'registration.invalid_email', field: 'new_email' },
          { code: 'email_change.wrong_current', field: 'current_password' },
          { code: 'email_change.rate_limited', values: { minutes: 20 } },
        ],
      },
    },
    'account/api-keys': {
      minimal: { ...frame, ...form, keys: [], permissions: [], expiry: [] },
      maximal: {
        ...{ ...frame, ...action, programs: true, notice: 'api_key_revoked', name: words.text },
        keys: [
          { ...apiKey, revokeUrl: words.url },
          {
            ...apiKey,
            permissions: [],
            lastUsedAt: undefined,
            expiresAt: undefined,
            expired: false,
            revokeUrl: '/account/api-keys/revoke',
          },
        ],
        permissions: ['profile:read', words.text].map((name) => ({ name, chosen: true })),
        expiry: ['30', 'never'].map((value) => ({ value, chosen: value === '30' })),
        errors: [
          { code: 'api_keys.too_many' },
          { code: 'api_keys.permission_not_held', field: 'permissions' },
          { code: 'field.invalid', field: 'expires' },
          { code: 'api_keys.invalid_input', field: 'name', message: words.text },
        ],
      },
    },
    'account/api-key-created': {
      minimal: { ...frame, key: 'lk_0a1b2c3d_x', apiKey, backUrl: '/account/api-keys' },
      maximal: { ...frame, programs: true, key: words.text, apiKey, backUrl: words.url },
    },
    'account/api-key-revoke': {
      minimal: { ...frame, ...form, apiKey, backUrl: '/account/api-keys' },
      maximal: { ...frame, ...action, programs: true, apiKey, backUrl: words.url, errors: [{ code: words.text }] },
    },
    'account/password': {
      minimal: { ...frame, ...form, minLength: 8 },
      maximal: {
        ...{ ...frame, ...choosing, passwordSetAt: earlier, forgotUrl: '/forgot' },
        errors: [
          { code: 'password_change.wrong_current', field: 'current_password' },
          { code: 'passwords.too_common', field: 'new_password' },
        ],
      },
    },
    'account/sessions': {
      minimal: { ...frame, sessions: [{ signedInAt: earlier, lastSeenAt: at, current: true, end: action }] },
      maximal: {
        ...{ ...frame, notice: 'session_ended', endOthers: action },
        sessions: [
          { userAgent: firefox, ip: '203.0.113.7', signedInAt: earlier, lastSeenAt: at, current: true, end: action },
          {
            userAgent: safari,
            ip: '2001:db8:1234:5678:9abc:def0:1234:5678',
            signedInAt: earlier,
            lastSeenAt: at,
            current: false,
            end: action,
          },
          { kind: 'api', userAgent: words.text, ip: words.text, signedInAt: earlier, lastSeenAt: at, current: false, end: action },
        ],
      },
    },
    'account/applications': {
      minimal: { ...frame, applications: [] },
      maximal: {
        ...{ ...frame, notice: 'application_removed' },
        applications: [
          ...[
            {
              clientId: 'shop',
              name: words.client,
              uri: words.url,
              logoUri: words.url,
              trusted: true,
              scopes,
              resources,
              since: earlier,
              remove: action,
            },
          ],
          ...[{ clientId: words.text, name: words.text, trusted: false, scopes: ['openid'], since: at, remove: action }],
        ],
      },
    },
  };
}
