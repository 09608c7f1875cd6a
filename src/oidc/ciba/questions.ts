import { errors } from 'oidc-provider';
import { sha256 } from '../../platform/crypto/index.js';
import { AppError } from '../../platform/errors.js';
import type { BackchannelPayload, BackchannelRequests } from '../adapter/index.js';
import { type AskedScopes, askedScopes } from '../asked-scopes.js';
import type { BrowserSession } from '../browser-session.js';
import type { ProviderHolder } from '../provider.js';
import type { RequestContexts } from '../request-context.js';
import type { ResourceServerInfo } from '../resource-access.js';
import { contextOf, judgeSignIn } from './contexts.js';
import type { CibaNotices } from './notices.js';

/** What a person reads before answering. */
export type Question = AskedScopes & {
  clientId: string;
  bindingMessage: string | undefined;
  askedAt: Date;
  expiresAt: Date;
};

export type Answer = 'allow' | 'refuse';

/** Why a question cannot be answered. not_yours: it was put to another account than the one that is signed in. */
export type QuestionFault = 'expired' | 'answered' | 'ended' | 'unknown' | 'not_yours' | 'not_enough';

/** answered: what its person said · too_old: they have to sign in anew before it is shown */
export type Opened = { state: 'open'; question: Question } | { state: 'answered'; clientId: string; answer: Answer } | { state: 'too_old' };

export type Questions = {
  /**
   * The question of a link, for whoever is signed in; changes nothing.
   * @throws AppError `approval.expired|ended|unknown|not_yours|not_enough`
   */
  open(linkToken: string, session: BrowserSession): Promise<Opened>;
  /**
   * Answers it, once; the same answer given again changes nothing and is `first: false`.
   * @throws AppError as `open`, and `approval.answered` when the answer was another one
   */
  answer(linkToken: string, session: BrowserSession, answer: Answer): Promise<{ clientId: string; first: boolean }>;
};

type Deps = {
  holder: Pick<ProviderHolder, 'current'>;
  requests: BackchannelRequests;
  contexts: Pick<RequestContexts, 'restingOn'>;
  notices: Pick<CibaNotices, 'statementFor' | 'wake'>;
  findResource(identifier: string): ResourceServerInfo | undefined;
};

const SENTENCES: Record<QuestionFault, string> = {
  expired: 'This request has expired.',
  answered: 'This request has been answered already.',
  ended: 'This request was called off.',
  unknown: 'This link is not one of ours.',
  not_yours: 'This request is for another account.',
  not_enough: 'This sign-in is not enough for the request.',
};
const faultOf = (fault: QuestionFault, cause?: unknown) => new AppError(`approval.${fault}`, 400, SENTENCES[fault], { cause });

export function createQuestions({ holder, requests, contexts, notices, findResource }: Deps): Questions {
  async function find(linkToken: string, { accountId }: BrowserSession) {
    const found = await requests.find(linkToken);
    if (found.state === 'unknown') throw faultOf('unknown');
    // Before anything else is said: what became of somebody else's request is theirs to know.
    if (found.payload.accountId !== accountId) throw faultOf('not_yours');
    return found;
  }

  async function clientOf({ clientId }: BackchannelPayload) {
    const client = await holder.current.Client.find(String(clientId));
    if (!client) throw faultOf('ended');
    return client;
  }

  const scopesOf = async (payload: BackchannelPayload) =>
    askedScopes(await clientOf(payload), { scope: payload.scope, resource: payload.resource }, findResource);

  /** A grant of this request's own, named after it: however many answers come at once, they make one. */
  async function grant(payload: BackchannelPayload, { uid, accountId }: BrowserSession): Promise<string> {
    const { Grant } = holder.current;
    const { scopes, resourceScopes } = await scopesOf(payload);
    const made = new Grant({ accountId, clientId: String(payload.clientId) });
    made.jti = sha256(`grant of backchannel request ${payload.jti}`);
    if (scopes.length > 0) made.addOIDCScope(scopes.join(' '));
    for (const [resource, names] of Object.entries(resourceScopes)) made.addResourceScope(resource, names.join(' '));
    return contexts
      .restingOn({ sessionUid: uid }, () => made.save())
      .catch((cause: unknown) => {
        // Only what it rests on calls a question off; a database that cannot answer does not, nor does a fault of ours.
        throw cause instanceof errors.InvalidGrant || cause instanceof errors.SessionNotFound ? faultOf('ended', cause) : cause;
      });
  }

  async function decide(payload: BackchannelPayload, session: BrowserSession, answer: Answer): Promise<boolean> {
    const alongside = notices.statementFor(await clientOf(payload), payload);
    if (answer === 'refuse') {
      const decision = { sessionUid: session.uid, error: 'access_denied', errorDescription: 'the person refused' };
      return requests.decide(payload, decision, alongside);
    }
    const { amr, signedInAt } = session;
    const grantId = await grant(payload, session);
    const authTime = Math.floor(signedInAt.getTime() / 1000);
    if (await requests.decide(payload, { sessionUid: session.uid, grantId, authTime, amr, acr: contextOf(payload, session) }, alongside))
      return true;
    const now = await requests.find(requests.linkTokenOf(payload.jti));
    // Somebody said no first, or it has ended: this grant is nobody's.
    if (now.state === 'unknown' || now.payload.grantId !== grantId) await (await holder.current.Grant.find(grantId))?.destroy();
    return false;
  }

  return {
    async open(linkToken, session) {
      const { state, payload } = await find(linkToken, session);
      const clientId = String(payload.clientId);
      if (state === 'decided') return { state: 'answered', clientId, answer: answerOf(payload) };
      if (state !== 'open') throw faultOf(state);
      const signIn = judgeSignIn(payload, session);
      if (signIn === 'too_old') return { state: 'too_old' };
      if (signIn === 'not_enough') throw faultOf('not_enough');
      const message = payload.params?.binding_message;
      const question = {
        clientId,
        bindingMessage: typeof message === 'string' ? message : undefined,
        ...(await scopesOf(payload)),
        askedAt: new Date((payload.iat ?? 0) * 1000),
        expiresAt: new Date((payload.exp ?? 0) * 1000),
      };
      return { state: 'open', question };
    },

    async answer(linkToken, session, answer) {
      const { state, payload } = await find(linkToken, session);
      const clientId = String(payload.clientId);
      if (state === 'decided' && answerOf(payload) === answer) return { clientId, first: false };
      if (state !== 'open') throw faultOf(state === 'decided' ? 'answered' : state);
      if (judgeSignIn(payload, session) !== 'ok') throw faultOf('not_enough');
      if (await decide(payload, session, answer)) {
        notices.wake();
        return { clientId, first: true };
      }
      const after = await find(linkToken, session);
      if (after.state === 'decided' && answerOf(after.payload) === answer) return { clientId, first: false };
      throw faultOf(after.state === 'decided' ? 'answered' : after.state === 'open' ? 'ended' : after.state);
    },
  };
}

const answerOf = ({ grantId }: BackchannelPayload): Answer => (grantId === undefined ? 'refuse' : 'allow');
