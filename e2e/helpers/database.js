// A database for each journey, in the one Postgres of the run.

import { randomBytes } from 'node:crypto';

import { succeed } from './processes.js';

/** Makes a database, and answers its URL. */
export async function createDatabase() {
  const server = process.env.TEST_POSTGRES_URL;
  if (!server) throw new Error('TEST_POSTGRES_URL is not set: run script/e2e, which starts a Postgres');
  const name = `e2e_${randomBytes(6).toString('hex')}`;
  await succeed('psql', ['--no-psqlrc', '--quiet', '--command', `CREATE DATABASE ${name}`, server]);
  return server.replace(/\/[^/]*$/, `/${name}`);
}

/** What the programs would write, past them. */
export function sql(database, statement) {
  return succeed('psql', ['--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--command', statement, database]);
}
