import type { Command } from 'commander';
import type { Cli } from './context.js';

/** `latchkey secrets ...` */
export function addSecretCommands(program: Command, cli: Cli): void {
  program
    .command('secrets')
    .description('what seals everything in the database')
    .command('reseal')
    .description('seal the secrets of the database under KEY_ENCRYPTION_KEY, opening them with KEY_ENCRYPTION_KEY_PREVIOUS')
    .option('--json', 'print one JSON object: {resealed, total}')
    .addHelpText(
      'after',
      `
To replace the key: 1. give every server the new key as KEY_ENCRYPTION_KEY and the old one as KEY_ENCRYPTION_KEY_PREVIOUS, one after the
other; 2. run this; 3. take KEY_ENCRYPTION_KEY_PREVIOUS away. Nobody is signed out, and no subject changes. Backups made before need the old key.`,
    )
    .action(async (options: { json?: boolean }) => {
      const { keyEncryptionKey: current, keyEncryptionKeyPrevious: previous } = await cli.config();
      await cli.withServices(async ({ db, audit }) => {
        const { resealSecrets } = await import('../platform/crypto/index.js');
        const result = await resealSecrets(db, { current, previous });
        if (result.resealed > 0)
          await audit.record({ type: 'secrets.resealed', outcome: 'success', detail: { via: 'cli', secrets: result.resealed } });
        const text =
          result.resealed === 0
            ? 'Everything is sealed under KEY_ENCRYPTION_KEY already.\n'
            : `${result.resealed} of ${result.total} secrets were sealed anew. KEY_ENCRYPTION_KEY_PREVIOUS can be taken away; keep the old key as long as backups from before.\n`;
        cli.print({ data: result, text }, options);
      });
    });
}
