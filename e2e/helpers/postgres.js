// The one Postgres of a run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../target/debug/examples/test_postgres', import.meta.url));

/** Starts one, unless the run has one already. It ends with us: its standard input closes then. */
export async function startPostgres() {
  if (process.env.TEST_POSTGRES_URL) return { stop: async () => {} };
  const child = spawn(PROGRAM, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
  const [url] = await once(createInterface({ input: child.stdout }), 'line');
  process.env.TEST_POSTGRES_URL = url;
  return {
    stop: async () => {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
