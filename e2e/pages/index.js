// Every page there is, in each of its states, with the way to it.

import assert from 'node:assert/strict';

import { consolePages } from './console.js';
import { doorPages } from './doors.js';
import { hostedPages } from './hosted.js';
import { samplePages } from './sample.js';

export const PAGES = [...doorPages, ...consolePages, ...hostedPages, ...samplePages];

/** Opens a page, and makes sure that it is the one. */
export async function arrive(page, { heading, open }, world) {
  await open(page, world);
  await page.getByRole('heading', { level: 1, name: heading }).waitFor();
  // Exactly one heading says what the page is.
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1);
}
