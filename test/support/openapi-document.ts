import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

type JsonObject = { [member: string]: unknown };
type Operation = {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean }[];
  security: JsonObject[];
  responses: Record<string, { content?: Record<string, JsonObject>; $ref?: string }>;
};
export type OpenApi = JsonObject & {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonObject>; securitySchemes: JsonObject };
};

const text = { type: 'string' };
const object = (properties: JsonObject, required: string[] = []) => ({ type: 'object', properties, required, additionalProperties: false });
const mapOf = (names: string, values: JsonObject) => ({
  type: 'object',
  patternProperties: { [names]: values },
  additionalProperties: false,
});
const reference = object({ $ref: { type: 'string', pattern: '^#/components/' } }, ['$ref']);
const schema = { $ref: 'https://json-schema.org/draft/2020-12/schema' };
const content = mapOf('^[a-z]+/[a-z+]+$', object({ schema }, ['schema']));
const response = object({ description: text, content, headers: { type: 'object' } }, ['description']);
const parameter = object({ name: text, in: { enum: ['path', 'query'] }, description: text, required: { type: 'boolean' }, schema }, [
  'name',
  'in',
  'required',
  'schema',
]);
const operation = object(
  {
    operationId: { type: 'string', pattern: '^[a-z][A-Za-z0-9]*$' },
    summary: text,
    description: text,
    tags: { type: 'array', items: text, minItems: 1 },
    security: { type: 'array', items: mapOf('^(bearer|apiKey)$', { type: 'array', maxItems: 0 }) },
    parameters: { type: 'array', items: parameter },
    requestBody: object({ required: { type: 'boolean' }, content, description: text }, ['content']),
    responses: mapOf('^([1-5][0-9][0-9]|default)$', { anyOf: [reference, response] }),
  },
  ['operationId', 'summary', 'tags', 'security', 'responses'],
);

/** The objects of OpenAPI 3.1.0 (section 4.8) that our document has, and nothing else: what it does not use would be a mistake. */
const documentSchema = object(
  {
    openapi: { const: '3.1.0' },
    info: object({ title: text, version: text, description: text }, ['title', 'version']),
    servers: { type: 'array', items: object({ url: { type: 'string', format: 'uri' } }, ['url']) },
    paths: mapOf('^/', mapOf('^(get|put|post|delete|patch)$', operation)),
    components: object({
      schemas: mapOf('^[A-Za-z0-9._-]+$', schema),
      responses: mapOf('^[A-Za-z0-9._-]+$', response),
      securitySchemes: mapOf('^[A-Za-z0-9._-]+$', {
        oneOf: [
          object({ type: { const: 'http' }, scheme: text, bearerFormat: text, description: text }, ['type', 'scheme']),
          object({ type: { const: 'apiKey' }, in: { enum: ['header', 'query', 'cookie'] }, name: text, description: text }, [
            'type',
            'in',
            'name',
          ]),
        ],
      }),
    }),
  },
  ['openapi', 'info', 'paths'],
);

/** What is wrong with the document as OpenAPI 3.1, including every JSON Schema (2020-12) in it. */
export function findDocumentFaults(document: OpenApi): string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  const validate = ajv.compile(documentSchema);
  const shape = validate(document) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
  const operations = operationsOf(document);
  const ids = operations.map(({ operationId }) => operationId);
  const twice = ids.filter((id, index) => ids.indexOf(id) !== index).map((id) => `${id} names two operations`);
  const parameters = operations.flatMap(({ path, parameters = [] }) => {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described = parameters.filter((each) => each.in === 'path' && each.required).map(({ name }) => name);
    return named.join() === described.join() ? [] : [`${path} does not describe its parameters`];
  });
  const dangling = [...JSON.stringify(document).matchAll(/"\$ref":"#([^"]+)"/g)].flatMap(([, pointer = '']) =>
    pointer
      .split('/')
      .slice(1)
      .reduce<unknown>((value, key) => (value as JsonObject | undefined)?.[key], document) === undefined
      ? [`${pointer} leads nowhere`]
      : [],
  );
  return [...shape, ...twice, ...parameters, ...dangling];
}

export const operationsOf = ({ paths }: OpenApi) =>
  Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, each]) => ({ ...each, path, method: method.toUpperCase() })),
  );

/** Every documented answer but the one for all: `METHOD path status`. */
export const documentedAnswers = (document: OpenApi): string[] =>
  operationsOf(document).flatMap(({ method, path, responses }) =>
    Object.keys(responses).flatMap((status) => (status === 'default' ? [] : [`${method} ${path} ${status}`])),
  );

export type AnswerChecks = {
  /** What does not fit between an answer and what is documented for `METHOD path status` (`default` for any problem); nothing: it fits. */
  faultsOf(key: string, answer: { status: number; headers: Headers; text: string }): string[];
};

/** Checks answers by the served document alone, members that are not documented included. */
export function createAnswerChecks(served: OpenApi): AnswerChecks {
  const document = JSON.parse(JSON.stringify(served), (_, value) =>
    value?.type === 'object' && value.properties ? { ...value, additionalProperties: false } : value,
  ) as OpenApi;
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateSchema: false });
  formats.default(ajv);
  ajv.addSchema(document, 'api');
  const compiled = new Map<string, ValidateFunction>();
  const compile = (pointer: string) => {
    const validate = compiled.get(pointer) ?? ajv.compile({ $ref: `api#${pointer}` });
    compiled.set(pointer, validate);
    return validate;
  };
  return {
    faultsOf(key, { status, headers, text: body }) {
      const [method = '', path = '', expected = ''] = key.split(' ');
      if (expected !== 'default' && String(status) !== expected) return [`${key} was answered ${status}: ${body}`];
      const described = document.paths[path]?.[method.toLowerCase()]?.responses[expected];
      const at = described?.$ref?.slice(1) ?? `/paths/${path.replaceAll('/', '~1')}/${method.toLowerCase()}/responses/${expected}`;
      const resolved = at
        .split('/')
        .slice(1)
        .reduce<unknown>((value, name) => (value as JsonObject)?.[name.replaceAll('~1', '/')], document);
      if (!resolved) return [`${key} is not documented`];
      const [type] = Object.keys((resolved as { content?: object }).content ?? {});
      const sent = headers.get('content-type')?.split(';')[0];
      if (type === undefined) return body === '' ? [] : [`${key} has a body: ${body}`];
      if (sent !== type) return [`${key} is ${sent}, not ${type}`];
      const validate = compile(`${at}/content/${encodeURIComponent(type.replaceAll('/', '~1'))}/schema`);
      if (validate(JSON.parse(body))) return [];
      return (validate.errors ?? []).map(
        ({ instancePath, message, params }) => `${key} ${instancePath} ${message} ${JSON.stringify(params)}`,
      );
    },
  };
}
