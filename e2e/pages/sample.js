// The sample client and the sample provider of `keyway dev`.

import { entry, then } from './entry.js';

const home = (page, world) => page.goto(world.link);

const connect = then(home, async (page) => {
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { name: 'Sample provider' }).waitFor();
});

export const samplePages = [
  entry('sample-client', 'empty', null, 'Sample client', home),
  entry('sample-consent', 'filled', null, 'Sample provider', connect),
  entry('sample-connected', 'filled', null, /^Connected/, then(connect, (page) => page.getByRole('button', { name: 'Allow' }).click())),
  entry('sample-connected', 'error', null, 'Not connected', then(connect, (page) => page.getByRole('button', { name: 'Deny' }).click())),
  entry('sample-provider', 'empty', null, 'Sample provider', (page, world) => page.goto(world.provider)),
];
