import { z } from 'zod';
import type { AnswerDefinition, AuthMode, Endpoint } from './definition.js';

type JsonObject = { [member: string]: unknown };
export type OpenApiInfo = { title: string; version: string; serverUrl: string; description?: string; resourceMetadataUrl?: string };

/** What each problem looks like (RFC 9457). */
export const problemSchema = z
  .object({
    type: z.string().meta({ description: 'A URI reference that stands for the kind of problem; made from `code`.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().meta({ description: 'What happened, for people.' }),
    code: z.string().meta({ description: 'Stable: what programs decide by, such as `login.invalid_credentials`.' }),
    request_id: z.string().meta({ description: 'Under this id the request stands in the log.' }),
    errors: z.array(z.object({ path: z.string().meta({ description: 'The member, as it was sent.' }), message: z.string() })).optional(),
    browser_url: z.string().optional().meta({ description: 'With `login.interaction_required`: where the person goes on in a browser.' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457).' });

/** The OpenAPI 3.1 document of the endpoints. Schemas with an id (`.meta({ id })`) become components of that name. */
export function buildOpenApi(
  endpoints: readonly Endpoint[],
  { title, version, serverUrl, description, resourceMetadataUrl }: OpenApiInfo,
): JsonObject {
  const schemas: JsonObject = {};
  const convert = (schema: z.ZodType, io: 'input' | 'output') => convertSchema(schema, { io, schemas });
  const paths: Record<string, JsonObject> = {};
  for (const each of endpoints) {
    paths[each.path] ??= {};
    (paths[each.path] as JsonObject)[each.method.toLowerCase()] = operationOf(each, convert);
  }
  const anyProblem =
    'The request cannot be read (400, 413, 415), comes too often (429, with `Retry-After`), or cannot be served now (500, 503).';
  return {
    openapi: '3.1.0',
    info: { title, version, ...(description === undefined ? {} : { description }) },
    servers: [{ url: serverUrl }],
    paths,
    components: {
      schemas: withProblem(schemas, convert),
      responses: { Problem: { description: anyProblem, headers: { 'Retry-After': RETRY_AFTER }, content: problemContent } },
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `An access token of a sign-in.${resourceMetadataUrl === undefined ? '' : ` How applications get one: ${resourceMetadataUrl} (RFC 9728), which every 401 names.`}`,
        },
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key', description: 'A key of one account, within its permissions.' },
      },
    },
  };
}

const RETRY_AFTER = { description: 'With 429 and 503: after how many seconds to come again.', schema: { type: 'integer' } };

type Convert = (schema: z.ZodType, io: 'input' | 'output') => JsonObject;

const problemContent = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

function withProblem(schemas: JsonObject, convert: Convert): JsonObject {
  convert(problemSchema, 'output');
  return Object.fromEntries(Object.entries(schemas).sort(([one], [other]) => (one < other ? -1 : 1)));
}

const SECURITY: Record<AuthMode, JsonObject[]> = {
  none: [],
  optional: [{}, { bearer: [] }, { apiKey: [] }],
  bearer: [{ bearer: [] }],
  bearer_or_api_key: [{ bearer: [] }, { apiKey: [] }],
};

function operationOf(endpoint: Endpoint, convert: Convert): JsonObject {
  const { operationId, summary, description, tags, auth, permission, params, query, body, answers } = endpoint;
  const needs = permission ? `Needs the permission \`${permission}\`.` : undefined;
  const text = [description, needs].filter(Boolean).join('\n\n');
  const parameters = [...parametersOf(params, 'path', convert), ...parametersOf(query, 'query', convert)];
  return {
    operationId,
    summary,
    ...(text ? { description: text } : {}),
    tags,
    security: SECURITY[auth],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: !body.safeParse(undefined).success,
            content: { 'application/json': { schema: convert(body, 'input') } },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, responseOf(answer, convert)])),
      default: { $ref: '#/components/responses/Problem' },
    },
  };
}

function responseOf({ description, schema, problem }: AnswerDefinition, convert: Convert): JsonObject {
  if (problem) return { description, content: problemContent };
  return { description, ...(schema ? { content: { 'application/json': { schema: convert(schema, 'output') } } } : {}) };
}

function parametersOf(schema: z.ZodObject | undefined, place: 'path' | 'query', convert: Convert): JsonObject[] {
  if (!schema) return [];
  const { properties = {}, required = [] } = convert(schema, 'input') as { properties?: Record<string, JsonObject>; required?: string[] };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    ...(description ? { description } : {}),
    schema: rest,
  }));
}

function convertSchema(schema: z.ZodType, { io, schemas }: { io: 'input' | 'output'; schemas: JsonObject }): JsonObject {
  const {
    $schema: _,
    $defs = {},
    ...root
  } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema }) => {
      // The format says it, and readers can read it.
      if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
      // Members may be added to answers later; who reads them skips what they do not know.
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
    },
  }) as JsonObject & { $defs?: JsonObject };
  for (const [name, definition] of Object.entries($defs as JsonObject)) {
    const text = toComponentRefs(definition);
    if (schemas[name] !== undefined && JSON.stringify(schemas[name]) !== JSON.stringify(text))
      throw new Error(`The schema ${name} is read in one way and written in another: give each its own id`);
    schemas[name] = text;
  }
  return toComponentRefs(root) as JsonObject;
}

const toComponentRefs = (value: unknown): unknown => JSON.parse(JSON.stringify(value).replaceAll('"#/$defs/', '"#/components/schemas/'));
