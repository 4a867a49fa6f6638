// Takes the README's two pictures: a failed flow in the console, and a hosted page.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cleanUp } from './helpers/cleanup.js';
import { startPostgres } from './helpers/postgres.js';
import { deskPages, startWorld } from './helpers/world.js';
import { PAGES, arrive } from './pages/index.js';

const TARGET = fileURLToPath(new URL('../docs/images/', import.meta.url));
// They stand side by side and much smaller: of one shape, and the little that is on a hosted page larger.
const PICTURES = {
  'console-flow': { id: 'console-flow--error', size: { width: 1000, height: 700 } },
  'hosted-variables': { id: 'hosted-variables--filled', size: { width: 700, height: 490 } },
};
// Sharp on a dense screen, and still small files.
const DENSITY = { deviceScaleFactor: 1.5 };

/** As a visitor sees it who has clicked nothing yet: no field has the focus. */
async function photograph(page, name, size) {
  await page.setViewportSize(size);
  await page.emulateMedia({ colorScheme: 'light' });
  await page.evaluate(() => document.activeElement.blur());
  await page.screenshot({ path: join(TARGET, `${name}.png`) });
}

async function photographBoth() {
  const world = await startWorld();
  const desks = await deskPages(world, DENSITY);
  for (const [name, { id, size }] of Object.entries(PICTURES)) {
    const entry = PAGES.find((entry) => entry.id === id);
    await arrive(desks[entry.as], entry, world);
    await photograph(desks[entry.as], name, size);
  }
}

const postgres = await startPostgres();
await mkdir(TARGET, { recursive: true });
try {
  await photographBoth();
} finally {
  await cleanUp();
  await postgres.stop();
}
