// Gateway and console as an operator runs them: two processes, one database, settings by environment.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { createDatabase } from './database.js';
import { freePorts } from './ports.js';
import { Program, binary, succeed, temporaryDirectory } from './processes.js';

/**
 * Starts both on a fresh database.
 *
 * `definitions`: provider definitions by slug. `outbound`: addresses that the gateway may call.
 */
export async function startServices({ definitions = {}, outbound = '' } = {}) {
  const settings = await prepare(definitions, outbound);
  const gateway = new Program(binary('keyway-gateway'), [], { env: settings });
  const consoleService = new Program(binary('keyway-console'), [], { env: settings });
  await Promise.all([gateway.prints(/gateway ready/), consoleService.prints(/console ready/)]);
  return {
    gateway: settings.KEYWAY_PUBLIC_URL,
    console: settings.KEYWAY_CONSOLE_URL,
    /** The one-time link that the console prints while nobody can sign in. */
    setupLink: async () => (await consoleService.prints(/http\S+\/setup\/\S+/))[0],
    /** What the operator's environment holds. */
    settings,
    /** The operator's command. */
    keyway: (args, input) => succeed(binary('keyway'), args, { env: settings, input }),
  };
}

async function prepare(definitions, outbound) {
  const directory = await temporaryDirectory();
  const port = await freePorts(2);
  const settings = {
    KEYWAY_DATABASE_URL: await createDatabase(),
    KEYWAY_PUBLIC_URL: `http://127.0.0.1:${port}`,
    KEYWAY_LISTEN: `127.0.0.1:${port}`,
    KEYWAY_CONSOLE_URL: `http://127.0.0.1:${port + 1}`,
    KEYWAY_CONSOLE_LISTEN: `127.0.0.1:${port + 1}`,
    KEYWAY_KEYRING_FILE: join(directory, 'keyring.toml'),
    KEYWAY_PUBLIC_KEYS_FILE: join(directory, 'public-keys.toml'),
    KEYWAY_PROVIDERS_DIR: join(directory, 'providers'),
    KEYWAY_OUTBOUND_ALLOW: outbound,
    KEYWAY_METRICS_LISTEN: 'off',
  };
  await mkdir(settings.KEYWAY_PROVIDERS_DIR);
  for (const [slug, toml] of Object.entries(definitions)) {
    await writeFile(join(settings.KEYWAY_PROVIDERS_DIR, `${slug}.toml`), toml);
  }
  const { KEYWAY_KEYRING_FILE: ring, KEYWAY_PUBLIC_KEYS_FILE: keys } = settings;
  await succeed(binary('keyway'), ['keys', 'generate', '--out', ring, '--public-out', keys]);
  await succeed(binary('keyway'), ['migrate'], { env: settings });
  return settings;
}
