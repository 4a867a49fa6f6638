// Before anybody is signed in.

import { signIn } from '../helpers/admin.js';
import { at, entry, send, then } from './entry.js';

const setUp = async (page, world) => page.goto(await world.before.setupLink());

export const doorPages = [
  entry('console-set-up', 'empty', null, 'Set up Keyway', setUp),
  entry('console-set-up', 'error', null, 'Set up Keyway', then(setUp, async (page) => {
    await page.getByLabel('Account name').fill('***');
    await page.getByLabel('E-mail address').fill('admin@acme.example');
    await page.getByLabel('Password', { exact: true }).fill('four words in a row');
    await page.getByLabel('Password once more').fill('four other words, then');
    await send(page, 'Create account and sign in');
  })),
  entry('console-set-up', 'gone', null, 'This link does not work any more', at(`/setup/${'x'.repeat(43)}`)),
  entry('console-sign-in', 'empty', null, 'Sign in', at('/sign-in')),
  entry('console-sign-in', 'error', null, 'Sign in', then(at('/sign-in'), async (page, world) => {
    await signIn(page, { email: world.admins.filled, password: 'something else' });
    await page.getByRole('alert').waitFor();
  })),
];
