// Every page in each of its states: for people who see little or nothing, on a small screen, in
// light and dark; and what the browser says of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import AxeBuilder from '@axe-core/playwright';

import { cleanUp } from '../helpers/cleanup.js';
import { deskPages, startWorld } from '../helpers/world.js';
import { PAGES, arrive } from '../pages/index.js';

const GRAVE = ['serious', 'critical'];
const COLOURS = ['color-contrast', 'link-in-text-block'];
const DESKTOP = { width: 1280, height: 800 };
// WCAG 2.2, 1.4.10, asks for 320.
const PHONE = { width: 320, height: 640 };

let world, desks;

describe('every page', () => {
  before(async () => {
    world = await startWorld();
    desks = await deskPages(world);
  });

  after(cleanUp);

  for (const entry of PAGES) {
    it(entry.id, async (t) => {
      const page = desks[entry.as];
      await show(page, 'light', DESKTOP);
      await arrive(page, entry, world);
      assert.ok((await page.title()).length > 3);
      const minor = await examine(axe(page), 'light');
      for (const note of minor) t.diagnostic(`${entry.id}: ${note}`);
      // Only colours differ in the dark.
      await show(page, 'dark', DESKTOP);
      await examine(axe(page).withRules(COLOURS), 'dark');
      await show(page, 'light', PHONE);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= PHONE.width, `${wide} px wide, at ${PHONE.width}`);
    });
  }

  it('asks nobody else for anything, and gives the browser nothing to complain of', () => {
    const { gateway, console, provider, client, before } = world;
    for (const page of Object.values(desks)) {
      const { watch } = page.context();
      watch.assertOnly(gateway, console, provider, client, before.console);
      watch.assertQuiet();
    }
  });
});

async function show(page, colorScheme, size) {
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize(size);
}

/** Whoever asks for certain rules does so after this: the options would replace them. */
function axe(page) {
  return new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] });
}

/** Fails on what keeps somebody out; answers the rest. */
async function examine(builder, scheme) {
  const { violations } = await builder.analyze();
  const [grave, minor] = [[], []];
  for (const { id, impact, help, nodes } of violations) {
    const at = nodes.map((node) => node.target.join(' ')).join(', ');
    (GRAVE.includes(impact) ? grave : minor).push(`${id} (${impact}): ${help}: ${at}`);
  }
  assert.deepEqual(grave, [], scheme);
  return minor;
}
