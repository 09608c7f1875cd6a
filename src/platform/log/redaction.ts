/** Member names that may hold a secret, wherever and however deep a log object carries them; compared without case, `-` and `_`. */
const SECRET_MEMBERS = new Set([
  ...['password', 'currentpassword', 'newpassword', 'passwordhash', 'passphrase'],
  ...[
    'token',
    'accesstoken',
    'refreshtoken',
    'idtoken',
    'idtokenhint',
    'subjecttoken',
    'actortoken',
    'registrationaccesstoken',
    'initialaccesstoken',
  ],
  ...['clientsecret', 'clientassertion', 'assertion', 'secret', 'code', 'codeverifier', 'usercode', 'devicecode', 'ticket', 'otp', 'totp'],
  ...['authorization', 'proxyauthorization', 'cookie', 'setcookie', 'csrf', 'dpop', 'xapikey', 'apikey', 'xdevicetoken'],
  ...[
    'loginhinttoken',
    'clientnotificationtoken',
    'authreqid',
    'request',
    'privatejwk',
    'smtpurl',
    'databaseurl',
    'keyencryptionkey',
    'cookiesecrets',
  ],
]);

/** Codes of errors are words and numbers that people search for; a code that grants something is neither. */
const isErrorCode = (value: unknown) =>
  typeof value === 'number' || (typeof value === 'string' && /^[A-Z0-9_]{2,40}$|^[a-z_]+(\.[a-z_]+)+$/.test(value));

const REDACTED = '[redacted]';
const MAX_DEPTH = 8;
const MAX_ENTRIES = 200;

/** What is a secret by its look, in whatever text it stands: an error's message, a stack, an address. */
const PATTERNS: readonly [RegExp, string][] = [
  // JWTs and JWEs
  [/\beyJ[\w-]{5,}(?:\.[\w-]*){2,4}/g, REDACTED],
  [/\b(Bearer|DPoP|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  // scheme://user:password@host
  [/(\b[a-z][a-z+.-]*:\/\/)[^\s/@]+@/gi, `$1${REDACTED}@`],
  // where a sign-in that was begun goes on: its id is also what its cookie holds
  [/(\/(?:interaction|authorize|device)\/)[\w-]{20,}/g, '$1:uid'],
  // our own kinds: API keys, secrets of webhooks
  [/\b(?:lk_[0-9a-f]{8}_|whsec_)[\w+/=-]{16,}/g, REDACTED],
  // members of a query or form
  [
    /\b(code|state|token|access_token|refresh_token|id_token|id_token_hint|client_secret|client_assertion|code_verifier|user_code|device_code|auth_req_id|client_notification_token|login_hint_token|password|request|request_uri|response|login_token|ticket)=[^\s&"'<>]+/gi,
    `$1=${REDACTED}`,
  ],
];

export const redactText = (text: string): string =>
  PATTERNS.reduce((redacted, [pattern, instead]) => redacted.replace(pattern, instead), text);

/** A copy of what is about to be logged, without secrets. Errors stay readable: name, message, code, stack and cause. */
export function redactValue(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= MAX_DEPTH) return '[deep]';
  if (value instanceof Date) return value;
  if (Buffer.isBuffer(value) || ArrayBuffer.isView(value)) return '[bytes]';
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map((each) => redactValue(each, depth + 1));
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  const own = value instanceof Error ? errorEntries(value) : [];
  return Object.fromEntries(
    [...own, ...entries].map(([name, member]) => {
      const plain = name.toLowerCase().replace(/[-_]/g, '');
      const secret = SECRET_MEMBERS.has(plain) && member !== undefined && !(plain === 'code' && isErrorCode(member));
      return [name, secret ? REDACTED : redactValue(member, depth + 1)];
    }),
  );
}

/** What an error has that is no enumerable member of it. */
const errorEntries = (error: Error): [string, unknown][] => [
  ['type', error.name],
  ['message', error.message],
  ['stack', error.stack],
  ...(error.cause === undefined ? [] : [['cause', error.cause] as [string, unknown]]),
];
