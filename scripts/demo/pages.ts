/** The pages of the demo as text. Everything shown goes through the escaping `html` tag. */
import { type Html, html } from './html.js';
import type { Problem } from './problems.js';
import type { Session, SignedIn } from './sessions.js';
import { type Checked, fingerprint } from './verify.js';

type Layout = { title: string; wide?: boolean; body: Html };

function layout({ title, wide, body }: Layout): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} - Demo Shop</title>
<link rel="stylesheet" href="/style.css">
<link rel="icon" href="/favicon.svg" type="image/svg+xml">
</head>
<body>
<header><a class="brand" href="/"><img src="/favicon.svg" alt="" width="32" height="32">Demo Shop</a></header>
<main${wide ? html` class="wide"` : ''}>
${body}
</main>
<footer>A demonstration for developers. It sells nothing.</footer>
</body>
</html>
`.markup;
}

function notice(session: Session | undefined): Html | undefined {
  if (!session?.notice) return undefined;
  const { kind, text } = session.notice;
  return html`<p class="notice ${kind}" role="${kind === 'bad' ? 'alert' : 'status'}">${text}</p>`;
}

/** For whoever is not signed in. */
export function homePage({ session, issuerUrl, reachable }: { session: Session | undefined; issuerUrl: URL; reachable: boolean }): string {
  const action = reachable
    ? html`<a class="button primary" href="/login">Sign in with ${issuerUrl.host}</a>`
    : html`<p class="notice bad" role="status">The sign-in server at ${issuerUrl.origin} does not answer yet. It may still be starting.</p>
<a class="button primary" href="/">Try again</a>`;
  const body = html`${notice(session)}
<section class="card">
<h1>Welcome to Demo Shop</h1>
<p>This shop keeps no passwords. It sends you to <strong>${issuerUrl.host}</strong> and gets back a signed statement of who you are.</p>
${action}
</section>
<section class="quiet">
<h2>What will happen</h2>
<ol>
<li>You sign in over there, or create an account. This shop never sees your password.</li>
<li>You decide what the shop may know, and whether it may see your orders.</li>
<li>You come back, and this shop shows every token it was given and how it checked it.</li>
</ol>
</section>`;
  return layout({ title: 'Welcome', body });
}

/** What went wrong, and a way on. */
export function problemPage({ problem, retry }: { problem: Problem; retry: string | undefined }): string {
  const body = html`<section class="card">
<h1>${problem.title}</h1>
<p>${problem.text}</p>
${problem.technical && html`<p class="small">The server said: <code>${problem.technical}</code></p>`}
<div class="actions">
${retry && html`<a class="button primary" href="${retry}">Try again</a>`}
<a class="button" href="/">Go to Demo Shop</a>
</div>
</section>`;
  return layout({ title: problem.title, body });
}

/** After a sign-out at the issuer. Only the `state` we sent along tells that the browser comes from there. */
export function signedOutPage({ issuerUrl, confirmed }: { issuerUrl: URL; confirmed: boolean }): string {
  const body = html`<section class="card">
<h1>You are signed out</h1>
<p>Demo Shop no longer knows who you are.</p>
${confirmed && html`<p>You come from <strong>${issuerUrl.host}</strong>. If you chose to sign out there, it will ask who you are next time.</p>`}
<a class="button primary" href="/login">Sign in again</a>
</section>`;
  return layout({ title: 'Signed out', body });
}

/** For whoever is signed in: each token taken apart, and the buttons to go on. */
export function signedInPage({ session, signedIn, issuerUrl }: { session: Session; signedIn: SignedIn; issuerUrl: URL }): string {
  const body = html`${notice(session)}
<h1>Hello, ${displayName(signedIn)}</h1>
<p class="lead">You signed in at <strong>${issuerUrl.host}</strong>. This is all that Demo Shop was told, and how it checked it.</p>
${identitySection(signedIn)}
${userinfoSection(signedIn)}
${ordersSection(signedIn)}
${refreshSection(signedIn)}
<section class="card" id="sign-out">
<h2>Sign out</h2>
<p>Here: this shop forgets you, and ${issuerUrl.host} still knows you. Everywhere: ${issuerUrl.host} is asked to end your session too.</p>
<div class="actions">${button('/sign-out', 'Sign out here')}${button('/sign-out-everywhere', 'Sign out everywhere')}</div>
</section>`;
  return layout({ title: 'Signed in', wide: true, body });
}

function displayName(signedIn: SignedIn): string {
  const known = { ...signedIn.identity.claims, ...(signedIn.userinfo?.answer as Record<string, unknown>) };
  for (const claim of ['given_name', 'name', 'preferred_username', 'email', 'sub']) {
    const value = known[claim];
    if (typeof value === 'string' && value !== '') return value;
  }
  return 'stranger';
}

function identitySection({ identity }: SignedIn): Html {
  return html`<section class="card" id="identity">
<h2>Who you are: the ID token</h2>
<p>A statement by the server, signed with a key it publishes. The shop believes it because every check passed.</p>
${checkedToken(identity)}
</section>`;
}

function userinfoSection({ userinfo, scope }: SignedIn): Html {
  return html`<section class="card" id="userinfo">
<h2>More about you: userinfo</h2>
<p>Asked with the opaque access token. To this shop it is only a ticket of ${userinfo?.accessTokenLength ?? 'some'} characters;
the server alone can read it.</p>
<dl>
<div><dt>Access token</dt><dd>${userinfo ? html`SHA-256 begins <code>${userinfo.accessTokenFingerprint}</code>` : 'not used yet'}</dd></div>
<div><dt>Granted</dt><dd><code>${scope}</code></dd></div>
</dl>
${userinfo && json('Answer of userinfo', userinfo.answer)}
<div class="actions">${button('/userinfo', 'Call userinfo again')}</div>
</section>`;
}

function ordersSection({ orders }: SignedIn): Html {
  const result =
    orders &&
    html`${checkedToken(orders.token)}
<h3>What the API answered</h3>
<p><code>GET /api/orders</code> was answered with status <strong>${orders.status}</strong>. The API made the same checks by itself, with the published keys alone.</p>
${json('Answer of the orders API', orders.answer)}`;
  return html`<section class="card" id="orders">
<h2>Your orders: a token for an API</h2>
<p>The orders API takes tokens made for it alone. The shop gets one with its refresh token by naming the API as
<code>resource</code>: a JWT that the API can verify without asking the server.</p>
${result}
<div class="actions">${button('/orders', 'Get a token for the demo API', 'primary')}</div>
</section>`;
}

function refreshSection({ refreshToken, rotation }: SignedIn): Html {
  const rows = rotation
    ? html`<div><dt>Used up</dt><dd><code>${rotation.before}</code></dd></div>
<div><dt>Successor</dt><dd><code>${rotation.after}</code></dd></div>
<div><dt>Rotated</dt><dd>${rotation.before === rotation.after ? 'no, the server let the same token live on' : 'yes'}</dd></div>
<div><dt>Access token</dt><dd>${rotation.accessTokenChanged ? 'a new one' : 'the same'}</dd></div>`
    : html`<div><dt>Refresh token</dt><dd>${refreshToken ? html`SHA-256 begins <code>${fingerprint(refreshToken)}</code>` : 'none was given'}</dd></div>`;
  return html`<section class="card" id="refresh">
<h2>Staying signed in: the refresh token</h2>
<p>It buys new tokens without asking you again, and works once: each use brings its successor. If a used one turns up
again later, somebody may have copied it, and the server ends them all.</p>
<dl>${rows}</dl>
<div class="actions">${button('/refresh', 'Refresh')}</div>
</section>`;
}

function checkedToken({ header, claims, checks }: Checked): Html {
  const items = checks.map(
    ({ name, ok, detail }) =>
      html`<li class="${ok ? 'passed' : 'failed'}"><span class="mark" aria-hidden="true">${ok ? '✓' : '✗'}</span>
<span><span class="hidden">${ok ? 'Passed: ' : 'Failed: '}</span><strong>${name}</strong> <span class="detail">${detail}</span></span></li>`,
  );
  return html`<ul class="checks">${items}</ul>
<div class="halves">${json('Header', header)}${json('Claims', claims)}</div>`;
}

function json(title: string, value: unknown): Html {
  return html`<figure><figcaption>${title}</figcaption><pre>${JSON.stringify(value, null, 2)}</pre></figure>`;
}

function button(action: string, label: string, kind = ''): Html {
  return html`<form method="post" action="${action}"><button class="button ${kind}">${label}</button></form>`;
}
