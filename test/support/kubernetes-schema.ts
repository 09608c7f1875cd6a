import { createRequire } from 'node:module';

/** One resource of a manifest. */
// biome-ignore lint/suspicious/noExplicitAny: each kind has another shape, which its own schema judges
export type Resource = { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } } & Record<string, any>;

type Model = { prototype: { validate(): void } };

const require = createRequire(import.meta.url);

/**
 * Members of a value that a reader never looked at. A validator that was compiled from a schema reads what the schema knows, and nothing else, so
 * what is left is a member that the schema does not have: a slip of the pen that the API server would drop or refuse.
 */
function watched(value: object): { proxy: object; unread(): string[] } {
  const read = new Set<string>();
  const all: string[] = [];
  const wrap = (part: unknown, path: string): unknown => {
    if (typeof part !== 'object' || part === null) return part;
    for (const key of Object.keys(part)) all.push(`${path}.${key}`);
    const members = new Map(Object.entries(part).map(([key, member]) => [key, wrap(member, `${path}.${key}`)]));
    return new Proxy(part, {
      get(target, key, receiver) {
        if (typeof key === 'string') read.add(`${path}.${key}`);
        return typeof key === 'string' && members.has(key) ? members.get(key) : Reflect.get(target, key, receiver);
      },
    });
  };
  return { proxy: wrap(value, '') as object, unread: () => all.filter((path) => !read.has(path)) };
}

/** What is wrong with a resource, by the schema of the Kubernetes API: types, what is required, and members that do not exist. */
export function kubernetesFaults(resource: Resource): string[] {
  const models = require(`kubernetes-models/${resource.apiVersion}`) as Record<string, Model>;
  const model = models[resource.kind];
  if (!model) return [`there is no ${resource.kind} in ${resource.apiVersion}`];
  const { proxy, unread } = watched(resource);
  try {
    model.prototype.validate.call(proxy);
  } catch (error) {
    return [(error as Error).message];
  }
  return unread().map((path) => `${path} does not exist`);
}
