import { z } from 'zod';
import type { Answer, AnswerDefinition, Endpoint } from '../endpoint/index.js';

/** How an endpoint of the first style is told in the second. */
export type Translation = {
  /** what is in `data`; without it the same, in camelCase */
  data?: z.ZodType;
  /** makes it from the first style's body */
  toData?: (body: never) => unknown;
};

const camel = (name: string) => name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** The same endpoint below `/v2`: members in camelCase, answers inside `{"data": ...}`, errors the same problem details. */
export function translate(original: Endpoint, { data, toData = camelKeys }: Translation = {}): Endpoint {
  const { body, answers, errorPaths = {} } = original;
  const inEnvelope = ({ schema, ...answer }: AnswerDefinition): AnswerDefinition =>
    schema ? { ...answer, schema: z.object({ data: data ?? camelSchema(schema) }) } : answer;
  return {
    ...original,
    path: `/v2${original.path}`,
    operationId: `${original.operationId}V2`,
    tags: ['camelCase (v2)'],
    memberNames: 'camelCase',
    errorPaths: Object.fromEntries(Object.entries(errorPaths).map(([name, sent]) => [name, camel(sent)])),
    body: body && camelSchema(body),
    answers: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, inEnvelope(answer)])),
    async handle(request) {
      const answer: Answer = await original.handle({ ...request, body: body && snakeBody(body, request.body) });
      return answer.body === undefined ? answer : { ...answer, body: { data: (toData as (value: unknown) => unknown)(answer.body) } };
    },
  };
}

/** A schema of objects with every member in camelCase. Objects here have no rules of their own, so that their members are all there is to it. */
export function camelSchema(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodObject)
    return z.object(
      Object.fromEntries(Object.entries(schema.shape).map(([name, member]) => [camel(name), camelSchema(member as z.ZodType)])),
    );
  if (schema instanceof z.ZodArray) return z.array(camelSchema(schema.element as z.ZodType));
  if (schema instanceof z.ZodOptional) return camelSchema(schema.unwrap() as z.ZodType).optional();
  if (schema instanceof z.ZodNullable) return camelSchema(schema.unwrap() as z.ZodType).nullable();
  return schema;
}

export function camelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [camel(name), camelKeys(member)]));
}

/** The body as the first style's schema reads it. Its members are those of the schema, so names are looked up, not guessed. */
export function snakeBody(schema: z.ZodType, body: unknown): unknown {
  const object = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  if (body === undefined || !(object instanceof z.ZodObject)) return body;
  const given = body as Record<string, unknown>;
  return Object.fromEntries(Object.keys(object.shape).flatMap((name) => (camel(name) in given ? [[name, given[camel(name)]]] : [])));
}
