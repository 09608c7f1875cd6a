import type { Mails, Views } from '../../src/render/index.js';
import { buildAccountViewCases } from './render-account-models.js';

/** Every page with as little and as much as it may be given; `word` stands in each free text, so that a test can make it hostile. */
export type ViewCases = { [K in keyof Views]: { minimal: Views[K]; maximal: Views[K] } };

const at = new Date('2026-11-20T23:15:00Z');

/** Words a person, an application or an attacker chose. */
export type Words = { person: string; email: string; client: string; text: string; url: string };
export const plainWords: Words = {
  person: 'Ada Lovelace',
  email: 'ada@example.com',
  client: 'Demo Shop',
  text: 'Read your orders',
  url: 'https://shop.example/',
};

/** An attacker's: markup that runs if it is ever put out as it is, and an address that is a script. */
const hostile = `"'><script>alert(1)</script><img src=x onerror=alert(1)>&{{<%= 7*7 %>`;
export const hostileWords: Words = {
  person: hostile,
  email: hostile,
  client: hostile,
  text: hostile,
  url: 'javascript:alert(1)//"><script>alert(1)</script>',
};

export function buildViewCases(words: Words): ViewCases {
  const account = { name: words.person, email: words.email };
  const action = { action: '/somewhere', hidden: { token: words.text } };
  const form = { action: '/somewhere' };
  const strength = { score: 2, warning: words.text, suggestions: [words.text] } as const;
  const choosing = { ...form, minLength: 8, strengthUrl: '/password/strength', strength, hidden: { token: words.text } };
  const resources = [
    { name: words.client, identifier: words.url, scopes: [{ name: words.text, description: words.text }, { name: words.text }] },
  ];
  const scopes = ['openid', 'profile', 'email', 'offline_access', words.text];
  return {
    start: {
      minimal: { accountUrl: '/account' },
      maximal: {
        ...{ account, accountUrl: '/account', registerUrl: '/register', demoUrl: 'http://127.0.0.1:4000/', mailboxUrl: '/dev/mailbox' },
        ...{ discoveryUrl: '/.well-known/openid-configuration', jwksUrl: '/.well-known/jwks.json', apiDocsUrl: '/docs', issuer: words.url },
      },
    },
    error: {
      minimal: { status: 404, code: 'not_found' },
      maximal: {
        ...{ status: 400, code: 'feature.nobody_wrote_down', message: words.text, reference: words.text },
        ways: [
          { href: words.url, text: words.text },
          { href: '/', label: 'start' },
          { href: words.url, label: 'back' },
        ],
        technical: [{ name: words.text, value: words.text }],
      },
    },
    'interaction/login': {
      minimal: form,
      maximal: {
        ...{ ...action, identifier: words.email, keepSignedIn: true, reauthenticate: true, registerUrl: '/register', forgotUrl: '/forgot' },
        ...{ resend: action, cancel: action },
        errors: [
          { code: 'login.unverified', field: 'identifier' },
          { code: 'login.invalid_credentials' },
          { code: 'login.locked', values: { minutes: 15 } },
          { code: words.text, message: words.text },
          { code: 'login.disabled', text: words.text, field: 'password' },
        ],
      },
    },
    'interaction/consent': {
      minimal: {
        ...{ ...form, account: { email: words.email }, clientId: words.client, redirectHost: 'shop.example', scopes: ['openid'] },
        ...{ remembered: false, applicationsUrl: '/account/applications' },
      },
      maximal: {
        ...{ ...action, account, switchAccount: action, clientId: words.client, redirectHost: words.text, scopes, resources },
        claims: ['name', words.text],
        details: [{ resource: words.text, description: words.text, facts: [{ label: words.text, values: [words.text, words.text] }] }],
        ...{ alreadyAllowed: true, remembered: true, applicationsUrl: '/account/applications', policyUrl: words.url, termsUrl: words.url },
        errors: [{ code: 'field.required' }],
      },
    },
    'interaction/register': {
      minimal: { ...form, minLength: 8, loginUrl: '/login' },
      maximal: {
        ...{ ...choosing, email: words.email, username: words.text, firstName: words.person, lastName: words.person, loginUrl: '/login' },
        errors: [
          { code: 'registration.invalid_email', field: 'email' },
          { code: 'passwords.too_short', field: 'password', values: { count: 8 } },
          { code: 'passwords.too_weak', field: 'password', text: words.text },
          { code: 'registration.username_taken', field: 'username' },
        ],
      },
    },
    'interaction/check-mail': {
      minimal: { kind: 'verify', email: words.email, validHours: 24 },
      maximal: {
        ...{
          kind: 'reset',
          email: words.email,
          validHours: 1,
          sentAgain: true,
          changeUrl: '/register',
          loginUrl: '/login',
          mailboxUrl: '/dev/mailbox',
        },
        resend: { ...action, errors: [{ code: 'recovery.rate_limited', values: { minutes: 20 } }] },
      },
    },
    'interaction/verify': {
      minimal: { ...form, passwordNeeded: false },
      maximal: {
        ...{ ...action, email: words.email, passwordNeeded: true, forgotUrl: '/forgot' },
        errors: [{ code: 'field.required', field: 'password' }],
      },
    },
    'interaction/verified': {
      minimal: { continueUrl: '/account', signedIn: true },
      maximal: { continueUrl: words.url, signedIn: true, email: words.email, elsewhere: true },
    },
    'interaction/forgot': {
      minimal: { ...form, loginUrl: '/login' },
      maximal: { ...action, loginUrl: '/login', email: words.email, errors: [{ code: 'registration.invalid_email', field: 'email' }] },
    },
    'interaction/reset': {
      minimal: { ...form, minLength: 8 },
      maximal: { ...choosing, email: words.email, errors: [{ code: 'passwords.too_common', field: 'password' }] },
    },
    'interaction/reset-done': { minimal: { continueUrl: '/login' }, maximal: { continueUrl: words.url } },
    'interaction/email-confirm': {
      minimal: { ...form, newEmail: words.email, oldEmail: words.email },
      maximal: { ...action, newEmail: words.email, oldEmail: words.text, errors: [{ code: 'field.invalid' }] },
    },
    'interaction/email-changed': {
      minimal: { newEmail: words.email, continueUrl: '/account' },
      maximal: { newEmail: words.email, continueUrl: words.url },
    },
    'interaction/logout': {
      minimal: form,
      maximal: {
        ...action,
        account,
        clientOnly: true,
        told: [words.client, words.text],
        stayUrl: '/account',
        errors: [{ code: words.text }],
      },
    },
    'interaction/forward': {
      minimal: { action: '/logout/confirm', fields: {} },
      maximal: { action: words.url, fields: { state: words.text, xsrf: words.text } },
    },
    'interaction/leave': {
      minimal: { target: '/', host: 'client.example.net', goesTo: 'site', clientId: words.client, after: 'sign_out' },
      maximal: {
        ...{ target: words.url, fields: { state: words.text }, host: words.text, goesTo: 'device', clientId: words.client },
        after: 'refusal',
      },
    },
    'interaction/signed-out': { minimal: {}, maximal: { signInUrl: '/login', continueUrl: words.url } },
    'device/code': {
      minimal: form,
      maximal: {
        ...{ ...action, userCode: words.text },
        errors: [{ code: 'device.unknown_code', field: 'user_code' }, { code: 'device.page_too_old' }],
      },
    },
    'device/confirm': {
      minimal: { ...form, userCode: 'WDJB-MJHT', clientId: words.client, scopes: [], askedFrom: {} },
      maximal: {
        ...{ ...action, userCode: words.text, clientId: words.text, account, scopes, resources },
        ...{ askedFrom: { ip: words.text, userAgent: words.text }, errors: [{ code: words.text, message: words.text }] },
      },
    },
    'device/done': { minimal: { applicationsUrl: '/account/applications' }, maximal: { applicationsUrl: words.url } },
    'device/cancelled': { minimal: { enterUrl: '/device' }, maximal: { enterUrl: words.url } },
    'ciba/approve': {
      minimal: { ...form, account, clientId: words.client, askedAt: at, expiresAt: at, scopes: [] },
      maximal: {
        ...{ ...action, account, clientId: words.text, bindingMessage: words.text, askedAt: at, expiresAt: at, scopes, resources },
        errors: [{ code: words.text, message: words.text }],
      },
    },
    'ciba/answered': {
      minimal: { allowed: false, applicationsUrl: '/account/applications' },
      maximal: { allowed: true, applicationsUrl: words.url },
    },
    'ciba/not-yours': { minimal: { ...form, account }, maximal: { ...action, account } },
    ...buildAccountViewCases(words),
    'dev/mailbox': {
      minimal: { mails: [] },
      maximal: { mails: [{ href: '/dev/mailbox/1', to: words.email, subject: words.text, sentAt: at }], clear: action },
    },
    'dev/mail': {
      minimal: {
        from: words.email,
        to: words.email,
        subject: words.text,
        sentAt: at,
        text: words.text,
        links: [],
        mailboxUrl: '/dev/mailbox',
      },
      maximal: {
        ...{
          from: words.text,
          to: words.email,
          subject: words.text,
          sentAt: at,
          text: `${words.text}\n\n${words.url}`,
          links: [words.url],
        },
        ...{ htmlUrl: '/dev/mailbox/1/html', mailboxUrl: '/dev/mailbox' },
      },
    },
  };
}

export type MailCases = { [K in keyof Mails]: Mails[K] };

export function buildMailCases(words: Words): MailCases {
  const to = { email: words.email, name: words.person };
  const url = 'http://localhost:3000/verify?token=4qV2m0b6X1rT8yKcZ5nW3aEoH7uJ9sLd';
  return {
    'verify-email': { ...to, url, validHours: 24, expiresAt: at },
    'reset-password': { ...to, url, validHours: 1, expiresAt: at },
    'already-registered': { ...to, loginUrl: url, forgotUrl: url },
    'password-changed': { ...to, accountUrl: url, forgotUrl: url, at, apiKeys: { living: 3 } },
    'confirm-email-change': { ...to, url, validHours: 24, expiresAt: at },
    'email-change-taken': { ...to, loginUrl: url, forgotUrl: url },
    'email-change-requested': { ...to, accountUrl: url, forgotUrl: url, at },
    'email-changed': { ...to, accountUrl: url, forgotUrl: url, at },
    'new-device-sign-in': { ...to, sessionsUrl: url, forgotUrl: url, at, userAgent: words.text, ip: words.text },
    'token-reuse': { ...to, application: 'Notes', sessionsUrl: url, forgotUrl: url, at },
    'account-locked': { ...to, forgotUrl: url, minutes: 15, at },
    'email-replaced': { ...to, forgotUrl: url, at },
    'email-set': { ...to, accountUrl: url, forgotUrl: url, at },
    'approve-request': { ...to, application: 'Notes', bindingMessage: 'Order 4711', url, forgotUrl: url, expiresAt: at },
    'email-test': { ...to, url },
  };
}
