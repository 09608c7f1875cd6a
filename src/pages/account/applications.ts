import type { Context } from 'koa';
import type { Consents, Grants } from '../../oidc/grants/index.js';
import type { Audit } from '../../platform/audit/index.js';
import { AppError } from '../../platform/errors.js';
import type { ApplicationItem, ResourceScopes } from '../../render/index.js';
import type { BrowserCookies } from '../browser-cookies.js';
import type { FindClient } from '../client-view.js';
import type { PageKit } from '../page-kit.js';
import { seeOther } from '../see-other.js';
import type { Entrance } from './entrance.js';
import type { FrameOf } from './frame.js';

const PATH = '/account/applications';

export type ApplicationsPageDeps = {
  pages: PageKit;
  cookies: BrowserCookies;
  frameOf: FrameOf;
  entrance: Entrance;
  grants: Pick<Grants, 'listApplications' | 'revokeByAccountAndClient'>;
  consents: Pick<Consents, 'list'>;
  findClient: FindClient;
  /** name and described scopes of a resource server */
  findResource(identifier: string): { name: string; scopes: readonly { name: string; description?: string | undefined }[] } | undefined;
  audit: Pick<Audit, 'record'>;
};

/** An application as the page lists it, before its form. */
type Connected = Omit<ApplicationItem, 'remove'>;

export function createApplicationsPage(deps: ApplicationsPageDeps) {
  const { pages, cookies, frameOf, entrance, grants, consents, findClient, findResource, audit } = deps;

  const describe = (identifier: string, scopes: Iterable<string>): ResourceScopes => {
    const resource = findResource(identifier);
    return {
      identifier,
      name: resource?.name ?? identifier,
      scopes: [...scopes].map((name) => resource?.scopes.find((scope) => scope.name === name) ?? { name }),
    };
  };

  /** Who has access now, and who would get it again without asking: both can be taken back here, newest first. Our own pages are not listed. */
  const list = async (accountId: string): Promise<Connected[]> => {
    const access = new Map<string, { since: Date; scopes: Map<string, Set<string>> }>();
    const add = (clientId: string, since: Date, scopesByResource: Iterable<readonly [string, Iterable<string>]>) => {
      const known = access.get(clientId) ?? { since, scopes: new Map<string, Set<string>>() };
      for (const [resource, scopes] of scopesByResource)
        known.scopes.set(resource, new Set([...(known.scopes.get(resource) ?? []), ...scopes]));
      access.set(clientId, { ...known, since: known.since < since ? known.since : since });
    };
    const [granted, remembered] = await Promise.all([grants.listApplications(accountId), consents.list(accountId)]);
    for (const { clientId, since, scopes, resources } of granted) add(clientId, since, [['', scopes], ...Object.entries(resources)]);
    for (const { clientId, since, scopesByResource } of remembered) add(clientId, since, scopesByResource);
    const found = await Promise.all(
      [...access].map(async ([clientId, { since, scopes }]): Promise<Connected[]> => {
        const client = await findClient(clientId);
        if (client?.source === 'built_in') return [];
        return [
          {
            clientId,
            name: client?.name ?? clientId,
            logoUri: client?.logoUri,
            uri: client?.uri,
            trusted: client?.verified ?? false,
            scopes: [...(scopes.get('') ?? [])],
            resources: [...scopes].filter(([resource]) => resource !== '').map(([resource, names]) => describe(resource, names)),
            since,
          },
        ];
      }),
    );
    return found.flat().sort((a, b) => b.since.getTime() - a.since.getTime());
  };

  return {
    count: async (accountId: string): Promise<number> => (await list(accountId)).length,
    async get(ctx: Context): Promise<void> {
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const applications = await list(person.account.id);
      const images = applications.map(({ trusted, logoUri }) => (trusted ? logoUri : undefined));
      const model = {
        ...frameOf(ctx, person.account),
        applications: applications.map((application) => ({
          ...application,
          remove: { action: `${PATH}/remove`, hidden: { client_id: application.clientId } },
        })),
      };
      pages.show(ctx, 'account/applications', model, { images });
    },
    async remove(ctx: Context): Promise<void> {
      const form = await pages.form(ctx);
      const person = await entrance.enter(ctx, PATH);
      if (!person) return;
      const clientId = form.get('client_id');
      if (!clientId) throw new AppError('request.invalid', 400, 'The form names no application.');
      const { id: accountId } = person.account;
      // Sent a second time there is nothing left to remove, and nothing to say.
      if ((await list(accountId)).some((application) => application.clientId === clientId)) {
        await grants.revokeByAccountAndClient(accountId, clientId);
        await audit.record({
          type: 'consent.withdrawn',
          outcome: 'success',
          actorId: accountId,
          subjectId: accountId,
          clientId,
          ip: ctx.ip,
        });
        cookies.setNotice(ctx, 'application_removed');
      }
      seeOther(ctx, PATH);
    },
  };
}
