import type { Context } from 'koa';
import type { Identity } from '../../identity/index.js';
import type { InteractionDetails, Interactions } from '../../oidc/interactions.js';
import type { Audit } from '../../platform/audit/index.js';
import { AppError } from '../../platform/errors.js';
import type { DetailsView } from '../../render/index.js';
import { askingClient, type ClientSummary } from '../client-view.js';
import { hostOf, kindOf } from '../destination.js';
import type { PageKit } from '../page-kit.js';
import { personOf } from '../person.js';
import { describeResources, type FindResource } from '../resource-scopes.js';

export type ConsentPageDeps = {
  pages: PageKit;
  interactions: Interactions;
  identity: Pick<Identity, 'accounts'>;
  consents: {
    find(accountId: string, clientId: string): Promise<ReadonlyMap<string, ReadonlySet<string>>>;
    remember(consent: {
      accountId: string;
      clientId: string;
      scopesByResource: ReadonlyMap<string, Iterable<string>>;
      sessionUid: string | undefined;
    }): Promise<void>;
  };
  audit: Pick<Audit, 'record'>;
  findResource: FindResource;
  /** what is asked in detail, in words */
  describeDetails(details: readonly unknown[]): DetailsView[];
};

export function createConsentPage({ pages, interactions, identity, consents, audit, findResource, describeDetails }: ConsentPageDeps) {
  const signedInAccount = async (details: InteractionDetails) => {
    const account = details.accountId ? await identity.accounts.find(details.accountId) : null;
    if (!account) throw new AppError('interaction.expired', 400, 'The sign-in behind this request has ended.');
    return account;
  };
  return {
    async show(ctx: Context, details: InteractionDetails, client: ClientSummary | undefined): Promise<void> {
      const account = await signedInAccount(details);
      const allowed = await consents.find(account.id, details.clientId);
      pages.show(
        ctx,
        'interaction/consent',
        {
          action: `/interaction/${details.uid}/consent`,
          switchAccount: { action: `/interaction/${details.uid}/switch` },
          account: personOf(account),
          clientId: details.clientId,
          forDevice: details.forDevice,
          redirectHost: details.redirectUri ? hostOf(details.redirectUri) : '',
          redirectsTo: details.redirectUri ? kindOf(details.redirectUri) : undefined,
          scopes: toldScopes(details, client),
          claims: details.missingClaims,
          resources: describeResources({ ...withoutScopes(details, findResource), ...details.missingResourceScopes }, findResource),
          details: describeDetails(details.authorizationDetails),
          alreadyAllowed: allowed.size > 0 && !details.askedAnyway,
          remembered: (client?.verified ?? false) && !details.askedEveryTime && isRememberedWholly(details),
          applicationsUrl: '/account/applications',
          policyUrl: client?.policyUri,
          termsUrl: client?.termsUri,
        },
        { client: askingClient(client) },
      );
    },
    async submit(ctx: Context, details: InteractionDetails, client: ClientSummary | undefined): Promise<void> {
      const form = await pages.form(ctx);
      const decision = form.get('decision');
      if (decision !== 'allow' && decision !== 'cancel')
        throw new AppError('request.invalid', 400, 'The form says neither allow nor cancel.');
      if (details.prompt !== 'consent') throw new AppError('interaction.already_used', 400, 'This question was answered already.');
      ctx.status = 303;
      if (decision === 'cancel') {
        const denied = await interactions.cancel(ctx.req, ctx.res);
        const by = { actorId: details.accountId, subjectId: details.accountId, clientId: details.clientId, ip: ctx.ip };
        if (denied.first) await audit.record({ type: 'consent.denied', outcome: 'success', ...by });
        return ctx.redirect(denied.next);
      }
      const account = await signedInAccount(details);
      const { next, first } = await interactions.finishConsent(ctx.req, ctx.res, { accountId: account.id });
      // A form that was sent twice is recorded and remembered once.
      if (!first) return ctx.redirect(next);
      await audit.record({
        type: 'consent.granted',
        outcome: 'success',
        actorId: account.id,
        subjectId: account.id,
        clientId: details.clientId,
        ip: ctx.ip,
      });
      // Applications that nobody here made are asked about every time.
      if (client?.verified) {
        const scopesByResource = new Map<string, Iterable<string>>([
          ['', details.missingScopes],
          ...Object.entries(details.missingResourceScopes),
        ]);
        const { clientId, sessionUid } = details;
        await consents.remember({ accountId: account.id, clientId, scopesByResource, sessionUid });
      }
      return ctx.redirect(next);
    },
  };
}

/** Single claims and what is asked in detail are not among what is remembered. */
const isRememberedWholly = ({ missingClaims, authorizationDetails }: InteractionDetails) =>
  missingClaims.length === 0 && authorizationDetails.length === 0;

/** A token for a resource server of which no scope is asked for is a token for it all the same, and there may be none to ask for. */
const withoutScopes = ({ askedResources, askedScopes }: InteractionDetails, findResource: FindResource): Record<string, string[]> =>
  Object.fromEntries(
    askedResources
      .filter((identifier) => !findResource(identifier)?.scopes.some(({ name }) => askedScopes.has(name)))
      .map((each) => [each, []]),
  );

/** What is asked for, and what the application has without asking. */
function toldScopes({ missingScopes, askedAnyway }: InteractionDetails, client: ClientSummary | undefined): readonly string[] {
  return client?.staysConnected && askedAnyway ? [...new Set([...missingScopes, 'offline_access'])] : missingScopes;
}
