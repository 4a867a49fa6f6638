// Runs the journeys: two files at a time, on one throwaway Postgres, in bounded time.

import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';

import { startPostgres } from './helpers/postgres.js';

const TESTS = new URL('tests/', import.meta.url);
// For one file, on a machine that has much else to do; an idle one needs a tenth of it.
const LIMIT = 900_000;

const wanted = process.argv.slice(2);
const names = (await readdir(TESTS)).filter((name) => name.endsWith('.test.js')).sort();
const chosen = names.filter((name) => !wanted.length || wanted.some((part) => name.includes(part)));
if (!chosen.length) throw new Error(`no journey of that name; there are: ${names.join(' ')}`);

const postgres = await startPostgres();
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stop.abort());

const files = chosen.map((name) => fileURLToPath(new URL(name, TESTS)));
const tests = run({ files, concurrency: 2, timeout: LIMIT, signal: stop.signal });
tests.on('test:fail', () => (process.exitCode = 1));
tests.compose(spec).pipe(process.stdout);
await once(tests, 'end');
await postgres.stop();
