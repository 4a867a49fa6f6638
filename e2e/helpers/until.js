// For what tells nobody when it happens.

import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until the answer is yes, and no longer than this. */
export async function until(condition, what, patience = 30_000) {
  const deadline = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${patience} ms for ${what}`);
    await pause(50);
  }
}
