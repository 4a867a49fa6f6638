// Takes a picture of every page in each of its states: light and dark, on a desk and on a phone.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cleanUp } from './helpers/cleanup.js';
import { startPostgres } from './helpers/postgres.js';
import { deskPages, startWorld } from './helpers/world.js';
import { PAGES, arrive } from './pages/index.js';

const TARGET = fileURLToPath(new URL('screenshots/', import.meta.url));
const SIZES = { desktop: { width: 1280, height: 800 }, phone: { width: 360, height: 740 } };
const SCHEMES = ['light', 'dark'];

/** Names such as `console-oauth-apps--filled--dark--phone.png`. */
async function photograph(page, id) {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(TARGET, `${id}--${colorScheme}--${size}.png`), fullPage: true });
    }
  }
}

async function photographAll() {
  const world = await startWorld();
  const desks = await deskPages(world);
  for (const entry of PAGES) {
    await arrive(desks[entry.as], entry, world);
    await photograph(desks[entry.as], entry.id);
  }
}

const postgres = await startPostgres();
await rm(TARGET, { recursive: true, force: true });
try {
  await photographAll();
} finally {
  await cleanUp();
  await postgres.stop();
}
