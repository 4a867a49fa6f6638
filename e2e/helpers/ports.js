// Ports that nobody uses.

import { createServer } from 'node:net';

// Below the ports that the system hands out to outgoing connections, which come and go.
const [FIRST, LAST] = [20_000, 32_000];

/** Whether a port can be had on this machine. */
export function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The first of so many free ports in a row. */
export async function freePorts(count = 1) {
  for (;;) {
    const base = FIRST + Math.floor(Math.random() * (LAST - FIRST - count));
    const free = [];
    for (let port = base; port < base + count; port++) free.push(await isFree(port));
    if (free.every(Boolean)) return base;
  }
}
