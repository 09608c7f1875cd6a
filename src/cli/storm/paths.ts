import { DEVICE_CODE } from '../../oidc/clients/index.js';
import { randomId, sha256 } from '../../platform/crypto/index.js';
import { type Answer, Browser, formOf } from './browser.js';
import type { PathReport, Volley } from './report.js';
import {
  authorizationUrl,
  call,
  codeIn,
  freshCode,
  inRounds,
  post,
  redeem,
  refreshTokenIn,
  type StormPlan,
  signedIn,
  submitSignIn,
  token,
} from './requests.js';
import { fire } from './volley.js';

/** Authorization codes at the token endpoint, and the refresh tokens they give: one winner, one lineage. */
export async function stormTokens(plan: StormPlan): Promise<PathReport[]> {
  const browser = await signedIn(plan);
  const codes: Volley[] = [];
  const refreshes: Volley[] = [];
  await inRounds(plan, async () => {
    const code = await freshCode(plan, browser);
    codes.push(
      await fire(
        plan.connections,
        () => redeem(plan, code),
        ({ status }, index) => (status === 200 ? String(index) : undefined),
      ),
    );
    const refresh_token = refreshTokenIn(await redeem(plan, await freshCode(plan, browser)));
    if (!refresh_token) throw new Error('no refresh token was given for a code that nobody else used');
    refreshes.push(await fire(plan.connections, () => token(plan, { grant_type: 'refresh_token', refresh_token }), refreshTokenIn));
  });
  return [
    { path: 'authorization code', guarantee: 'one winner', volleys: codes },
    { path: 'refresh token', guarantee: 'one lineage', volleys: refreshes },
  ];
}

/** A finished sign-in that goes on to its application: the same redirect, followed by many at once. */
export async function stormInteractions(plan: StormPlan): Promise<PathReport[]> {
  const person = await plan.stage.addPerson();
  const volleys: Volley[] = [];
  await inRounds(plan, async () => {
    const browser = new Browser();
    const { location } = await submitSignIn(plan, browser, person);
    const windows = Array.from({ length: plan.connections }, () => browser.clone());
    volleys.push(
      await fire(
        plan.connections,
        (index) => (windows[index] as Browser).request(location as string),
        (answer) => codeIn(answer, plan),
      ),
    );
  });
  return [{ path: 'finished sign-in', guarantee: 'one winner', volleys }];
}

/** The links of mails, sent from their pages, and the ticket that a confirmed address gives for one sign-in. */
export async function stormMailLinks(plan: StormPlan): Promise<PathReport[]> {
  const verifications: Volley[] = [];
  const tickets: Volley[] = [];
  const resets: Volley[] = [];
  /** Sent on to the page that says so. */
  const isDone = (answer: Answer | undefined) => answer?.status === 303 && /\/(verified|done)$/.test(answer.location ?? '');
  const done = (answer: Answer, index: number) => (isDone(answer) ? String(index) : undefined);
  await inRounds(plan, async () => {
    const person = await plan.stage.addUnconfirmed();
    const verification = await fromPage(plan, person.link, '/register/verify', { password: person.password }, done);
    verifications.push(verification);
    const winner = verification.browsers[verification.all.findIndex(isDone)];
    if (winner) tickets.push(await stormTicket(plan, winner));
    resets.push(await fromPage(plan, await plan.stage.resetLinkFor(person), '/reset', { password: randomId(24) }, done));
  });
  return [
    { path: 'verification mail', guarantee: 'one winner', volleys: verifications },
    { path: 'sign-in ticket', guarantee: 'one winner', volleys: tickets },
    { path: 'reset mail', guarantee: 'one winner', volleys: resets },
  ];
}

async function fromPage(
  { connections }: StormPlan,
  link: string,
  path: string,
  fields: Record<string, string>,
  winner: (answer: Answer, index: number) => string | undefined,
) {
  const browser = new Browser();
  const form = formOf(await browser.open(link), path);
  const browsers = Array.from({ length: connections }, () => browser.clone());
  return { ...(await fire(connections, (index) => (browsers[index] as Browser).send(form, fields), winner)), browsers };
}

async function stormTicket(plan: StormPlan, holder: Browser): Promise<Volley> {
  const places = await Promise.all(
    Array.from({ length: plan.connections }, async () => {
      const browser = new Browser();
      const { url } = await browser.open(authorizationUrl(plan, randomId()));
      browser.adopt(holder, 'ticket');
      return { browser, url };
    }),
  );
  return fire(
    plan.connections,
    (index) => {
      const { browser, url } = places[index] as (typeof places)[number];
      return browser.request(url);
    },
    // Without a ticket that works, the sign-in page is shown.
    ({ location }, index) => (location ? String(index) : undefined),
  );
}

/** Refresh tokens over the JSON API, whose rotation is that of the token endpoint: one lineage. Nothing where the API is off. */
export async function stormApi(plan: StormPlan): Promise<PathReport[]> {
  const { email, password } = await plan.stage.addPerson();
  const volleys: Volley[] = [];
  let isOff = false;
  await inRounds(plan, async () => {
    const signIn = await call(plan, '/auth/login', { email, password });
    isOff = signIn.status === 404;
    if (isOff) return;
    const refresh_token = refreshTokenIn(signIn);
    if (!refresh_token) throw new Error(`the test account could not sign in over the JSON API: ${signIn.status}`);
    volleys.push(await fire(plan.connections, () => call(plan, '/auth/refresh', { refresh_token }), refreshTokenIn));
  });
  return isOff ? [] : [{ path: 'refresh over the API', guarantee: 'one lineage', volleys }];
}

/** Pushed authorization requests, brought to the authorization endpoint by many windows of one browser: one winner. */
export async function stormPushedRequests(plan: StormPlan): Promise<PathReport[]> {
  const { client } = plan.stage;
  const browser = await signedIn(plan);
  const volleys: Volley[] = [];
  await inRounds(plan, async () => {
    const pushed = await post(plan, '/par', {
      client_id: client.id,
      redirect_uri: client.redirectUri,
      response_type: 'code',
      scope: 'openid',
      code_challenge: sha256(randomId()),
      code_challenge_method: 'S256',
    });
    if (pushed.status !== 201) throw new Error(`the request could not be pushed: ${pushed.status}`);
    const { request_uri } = JSON.parse(pushed.body) as { request_uri: string };
    const url = `${plan.issuer}/authorize?${new URLSearchParams({ client_id: client.id, request_uri })}`;
    const windows = Array.from({ length: plan.connections }, () => browser.clone());
    volleys.push(
      await fire(
        plan.connections,
        (index) => (windows[index] as Browser).request(url),
        (answer) => codeIn(answer, plan),
      ),
    );
  });
  return [{ path: 'pushed request', guarantee: 'one winner', volleys }];
}

/** Device codes that a person has let in, asked for by as many devices: one winner. */
export async function stormDeviceCodes(plan: StormPlan): Promise<PathReport[]> {
  const browser = await signedIn(plan);
  const volleys: Volley[] = [];
  await inRounds(plan, async () => {
    const waiting = await post(plan, '/device/auth', { scope: 'openid' });
    if (waiting.status !== 200) throw new Error(`no device code was given: ${waiting.status}`);
    const { device_code, user_code } = JSON.parse(waiting.body) as { device_code: string; user_code: string };
    const confirmation = await browser.send(formOf(await browser.open(`${plan.issuer}/device`), '/device'), { user_code });
    const done = await browser.send(formOf(confirmation, '/device'), { confirm: 'yes' });
    if (done.status !== 200) throw new Error(`the device of the test account was not let in: ${done.status}`);
    volleys.push(
      await fire(
        plan.connections,
        () => token(plan, { grant_type: DEVICE_CODE, device_code }),
        ({ status }, index) => (status === 200 ? String(index) : undefined),
      ),
    );
  });
  return [{ path: 'device code', guarantee: 'one winner', volleys }];
}
