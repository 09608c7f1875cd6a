import { type Check, list, textOf } from './facts.js';
import { plainText, shownUrl, shownWords } from './redaction.js';

/** How two addresses differ that look alike. */
function differenceOf(expected: string, received: string): string | undefined {
  if (expected === received) return undefined;
  const slashless = (text: string) => text.replace(/\/$/, '');
  if (slashless(expected) === slashless(received))
    return 'They differ in the slash at the end; redirect URIs are compared character by character.';
  if (expected.toLowerCase() === received.toLowerCase()) return 'They differ in upper and lower case.';
  if (!URL.canParse(expected) || !URL.canParse(received)) return undefined;
  const [one, other] = [new URL(expected), new URL(received)];
  if (one.host === other.host && one.pathname === other.pathname) {
    if (one.protocol !== other.protocol) return `They differ in the scheme: ${one.protocol} and ${other.protocol}`;
    return 'They differ in the query or fragment.';
  }
  if (one.hostname === other.hostname && one.pathname === other.pathname) return 'They differ in the port.';
  if (one.host === other.host) return 'They differ in the path.';
  return undefined;
}

const compareUris = (what: string, registered: readonly string[], received: string) => ({
  comparisons: [{ what, expected: registered.length > 1 ? `one of ${list(registered)}` : list(registered), received: shownUrl(received) }],
  hints: registered.flatMap((uri) => differenceOf(uri, received) ?? []).slice(0, 1),
});

export const redirectUri: Check = ({ error, reason, description, params, client, source }) => {
  const received = textOf(params.redirect_uri);
  if (/redirect_uri mismatch/.test(reason) && source?.redirectUri !== undefined)
    return compareUris('redirect_uri', [source.redirectUri], received ?? '');
  if (error === 'invalid_redirect_uri' || /post_logout_redirect_uri/.test(description)) {
    const logout = textOf(params.post_logout_redirect_uri);
    if (!client) return undefined;
    return logout === undefined
      ? compareUris('redirect_uri', client.redirectUris, received ?? '')
      : compareUris('post_logout_redirect_uri', client.postLogoutRedirectUris, logout);
  }
  return undefined;
};

export const prompt: Check = ({ error, reason, description, params, signedIn, hasSessionCookie }) => {
  if (!/^(login|consent|interaction|account_selection)_required$/.test(error)) return undefined;
  const session = signedIn
    ? 'a session with somebody signed in'
    : hasSessionCookie
      ? 'a session nobody is signed in to'
      : 'no session cookie';
  const maxAge =
    params.max_age === undefined
      ? []
      : [{ what: 'max_age', expected: 'a sign-in that is young enough', received: plainText(String(params.max_age), 20) }];
  return {
    comparisons: [
      {
        what: 'prompt',
        expected: 'a request that needs nobody to do anything',
        received: `prompt=${plainText(String(params.prompt ?? ''), 40)}: ${reason || description}`,
      },
      { what: 'session', expected: 'a session with somebody signed in, who has allowed what is asked for', received: session },
      ...maxAge,
    ],
    hints: hasSessionCookie
      ? []
      : ['Browsers send no cookies from frames of another site: sign people in by a redirect, not in a hidden frame.'],
  };
};

export const scope: Check = ({ error, params, client, scopes, source }) => {
  if (error !== 'invalid_scope') return undefined;
  const asked = String(params.scope ?? '')
    .split(/\s+/)
    .filter(Boolean);
  const allowed = client?.scope === undefined ? scopes : client.scope.split(' ');
  const unknown = asked.filter((each) => !allowed.includes(each) || !scopes.includes(each));
  const earlier =
    source?.scope === undefined
      ? []
      : [{ what: 'scope given before', expected: source.scope, received: shownWords(String(params.scope ?? '')) }];
  return {
    comparisons: [
      { what: 'scope', expected: `some of ${list(allowed)}`, received: shownWords(asked.join(' ')) },
      ...(unknown.length > 0 ? [{ what: 'scope that is not allowed', expected: 'none', received: shownWords(unknown.join(' ')) }] : []),
      ...earlier,
    ],
  };
};

export const resource: Check = ({ error, params, resources }) => {
  if (error !== 'invalid_target') return undefined;
  const asked = [params.resource ?? params.audience ?? []].flat().map(String);
  return {
    comparisons: [{ what: 'resource', expected: `one of ${list(resources)}`, received: list(asked.map(shownUrl)) }],
    hints: ['Resource servers are declared in RESOURCES_FILE; some of the scopes asked for must be ones that the client may have there.'],
  };
};

export const responseType: Check = ({ error, description, params, client }) =>
  error === 'unsupported_response_type' || /response_type/.test(description)
    ? {
        comparisons: [
          {
            what: 'response_type',
            expected: list(client?.responseTypes ?? ['code']),
            received: shownWords(String(params.response_type ?? '')),
          },
          ...(params.response_mode === undefined
            ? []
            : [{ what: 'response_mode', expected: 'one that fits', received: shownWords(String(params.response_mode)) }]),
        ],
      }
    : undefined;

export const pkceAtAuthorization: Check = ({ route, description, params }) =>
  route !== 'token' && /PKCE|code_challenge/.test(description)
    ? {
        comparisons: [
          {
            what: 'code_challenge',
            expected: 'a code_challenge with code_challenge_method=S256',
            received: `${params.code_challenge === undefined ? 'none' : 'one'}, code_challenge_method=${plainText(String(params.code_challenge_method ?? 'none'), 20)}`,
          },
        ],
      }
    : undefined;
