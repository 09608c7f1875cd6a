import { ConfigurationError, loadConfig } from '../../src/config/index.js';

/** What is wrong with an environment, a text for each fault; empty where it would start. */
export function configurationFaults(environment: Record<string, string>, root: string): readonly string[] {
  try {
    loadConfig(environment, { root });
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults;
    throw error;
  }
  return [];
}
