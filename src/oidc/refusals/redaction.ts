/** What others sent, as far as it may be kept: an explanation is read by operators, and nothing in it may be worth anything to whoever reads it. */

const MAX_CHARS = 160;

const cut = (text: string, most = MAX_CHARS) => (text.length > most ? `${text.slice(0, most)}… (${text.length} characters)` : text);

/** Without control characters, bounded. */
export const plainText = (text: string, most?: number): string =>
  cut(text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu, '\ufffd'), most);

/** An address without what may be secret in it: its user, and the values of its query and fragment. */
export function shownUrl(text: string): string {
  if (text === '') return 'an empty value';
  if (!URL.canParse(text)) return `${text.length} characters that are no URL`;
  const [, base = '', query, fragment] = /^([^?#]*)(?:\?([^#]*))?(?:#([\s\S]*))?$/.exec(text) ?? [];
  const names = query?.split('&').map((part) => `${part.split('=')[0]}=…`);
  const withoutUser = base.replace(/^([^:]+:\/\/)[^/@]*@/, '$1…@');
  return plainText(withoutUser + (names ? `?${names.join('&')}` : '') + (fragment === undefined ? '' : '#…'));
}

/** A name that somebody sent; where it is as long as a secret, somebody may have put one there. */
export const shownName = (text: string): string =>
  URL.canParse(text) ? shownUrl(text) : text.length > 40 ? `${plainText(text.slice(0, 8))}… (${text.length} characters)` : plainText(text);

/** Words such as scopes; one that is longer than a name has been mistaken for something else. */
export const shownWords = (text: string): string =>
  text.trim() === ''
    ? 'none'
    : cut(
        text
          .split(/\s+/)
          .filter(Boolean)
          .map((word) => (word.length > 64 ? `${plainText(word.slice(0, 8))}…` : plainText(word)))
          .join(' '),
        400,
      );

/** Parameters whose values are worth something to whoever has them. */
const SECRET_PARAMETERS = [
  ...[
    'code',
    'code_verifier',
    'client_secret',
    'client_assertion',
    'refresh_token',
    'access_token',
    'token',
    'id_token_hint',
    'login_hint_token',
  ],
  ...[
    'device_code',
    'user_code',
    'auth_req_id',
    'request',
    'request_uri',
    'assertion',
    'subject_token',
    'actor_token',
    'password',
    'username',
  ],
  ...['login_hint', 'state', 'nonce', 'logout_token', 'xsrf', 'registration_access_token', 'pre-authorized_code', 'DPoP'],
];

/** The secrets of a request, as they came, decoded where they were encoded: a value put in a wrong place is one as well. */
export function secretsOf(params: Readonly<Record<string, unknown>>, headers: Readonly<Record<string, unknown>>): string[] {
  const values = SECRET_PARAMETERS.map((name) => params[name]);
  const authorization = typeof headers.authorization === 'string' ? headers.authorization.replace(/^\S+\s+/, '') : '';
  const basic = Buffer.from(authorization, 'base64').toString().split(':').slice(1).join(':');
  const cookies = typeof headers.cookie === 'string' ? headers.cookie.split(/;\s*/).map((pair) => pair.slice(pair.indexOf('=') + 1)) : [];
  const decoded = decodeForm(basic);
  return [...values, authorization, basic, decoded, headers.dpop, ...cookies].filter(
    (value): value is string => typeof value === 'string' && value.length >= 6,
  );
}

function decodeForm(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

/** A text without any of these secrets, in whatever place they are. */
export const without = (secrets: readonly string[], text: string): string =>
  secrets.reduce((rest, secret) => rest.replaceAll(secret, '…').replaceAll(encodeURIComponent(secret), '…'), text);
