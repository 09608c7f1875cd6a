import { DEVICE_CODE } from '../../oidc/clients/index.js';
import { randomId } from '../../platform/crypto/index.js';
import type { Services } from '../../services.js';
import type { Cli } from '../context.js';

/** A name that operators recognise, should a storm be killed before it has tidied up. */
const NAME = 'Latchkey storm (test)';
/** RFC 2606: no mail ever arrives there. */
const MAIL_DOMAIN = 'storm.invalid';

export type StormClient = { id: string; secret: string; redirectUri: string };
export type StormPerson = { id: string; email: string; password: string };

/** The test client and test accounts of a storm, and the mail links that were made for them. */
export type Stage = {
  client: StormClient;
  /** An account that may sign in. */
  addPerson(): Promise<StormPerson>;
  /** An account whose address waits to be confirmed, and the link that would go to it. */
  addUnconfirmed(): Promise<StormPerson & { link: string }>;
  resetLinkFor(person: StormPerson): Promise<string>;
};

/** Keeps the links of mails instead of sending them. */
function createLinkCatcher(): { mailer: Services['mailer']; take(address: string): string } {
  const links = new Map<string, string>();
  return {
    mailer: {
      async send({ to, data }) {
        if ('url' in data && typeof data.url === 'string') links.set(to, data.url);
      },
      flush: async () => undefined,
      stop: async () => undefined,
      mailbox: undefined,
    },
    take(address) {
      const link = links.get(address);
      if (!link) throw new Error('no link was made for a test account');
      links.delete(address);
      return link;
    },
  };
}

/** Makes what a storm needs through the services, runs it, and takes everything away again, whatever happened. */
export async function withStage<T>(cli: Cli, run: (stage: Stage) => Promise<T>): Promise<T> {
  const catcher = createLinkCatcher();
  // Its own requests for links are counted under no network, and must not stop at three.
  const limitResetsPerHour = 1_000_000;
  return cli.withServices(
    async ({ clients, identity }) => {
      const made: string[] = [];
      const redirectUri = `https://${MAIL_DOMAIN}/callback`;
      const { client, clientSecret } = await clients.create(
        {
          client_name: NAME,
          redirect_uris: [redirectUri],
          grant_types: ['authorization_code', 'refresh_token', DEVICE_CODE],
          first_party: true,
        },
        { source: 'operator' },
      );
      const add = async (verified: boolean): Promise<StormPerson> => {
        const email = `${randomId(12).toLowerCase()}@${MAIL_DOMAIN}`;
        const password = randomId(24);
        const { id } = await identity.registration.createAccount({ email, password, verified, fullName: NAME });
        made.push(id);
        return { id, email, password };
      };
      try {
        return await run({
          client: { id: client.id, secret: clientSecret ?? '', redirectUri },
          addPerson: () => add(true),
          async addUnconfirmed() {
            const person = await add(false);
            return { ...person, link: catcher.take(person.email) };
          },
          async resetLinkFor({ email }) {
            await identity.recovery.request({ email, ip: undefined });
            return catcher.take(email);
          },
        });
      } finally {
        for (const id of made) await identity.accounts.delete(id);
        await clients.delete(client.id);
      }
    },
    { mailer: catcher.mailer, settings: { limitResetsPerHour } },
  );
}
