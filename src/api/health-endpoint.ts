import { z } from 'zod';
import type { Health } from '../platform/health/index.js';
import { type Endpoint, endpoint, json } from './endpoint/index.js';

const healthSchema = z.object({ data: z.object({ status: z.enum(['ok', 'unavailable']) }) }).meta({ id: 'HealthEnvelope' });

/** `/v2/health`: what `/health` says, in the envelope of that style. */
export const createHealthEndpoint = ({ health }: { health: Health }): Endpoint =>
  endpoint({
    method: 'GET',
    path: '/v2/health',
    operationId: 'getHealth',
    summary: 'Whether the server can serve',
    tags: ['Health'],
    auth: 'none',
    memberNames: 'camelCase',
    answers: { 200: json('It can.', healthSchema), 503: json('It cannot just now.', healthSchema) },
    async handle() {
      const { ready } = await health.run();
      return { status: ready ? 200 : 503, body: { data: { status: ready ? 'ok' : 'unavailable' } } };
    },
  });
