// What an admin does with API tokens and credentials, and what a gateway makes of it.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { fact, row } from '../helpers/admin.js';
import { cleanUp } from '../helpers/cleanup.js';
import { deskPages, startWorld } from '../helpers/world.js';

let world, desk;

describe('API tokens and credentials', () => {
  before(async () => {
    world = await startWorld();
    desk = (await deskPages(world)).filled;
  });

  after(cleanUp);

  it('makes a token that works, shows it once, and revokes it', async () => {
    const page = desk;
    await page.goto(`${world.console}/api-tokens`);
    await page.getByRole('link', { name: 'Make an API token' }).first().click();
    await page.getByLabel('Name').fill('Journey');
    await page.getByLabel('Get access tokens and all other secrets in clear.').check();
    await page.getByRole('button', { name: 'Make the token' }).click();
    await page.getByRole('heading', { name: 'Your API token' }).waitFor();
    assert.equal(page.url(), `${world.console}/api-tokens/new`);
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.getByRole('button', { name: 'Copy the API token' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const token = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(token, /^kw_[\w-]{49}$/);
    assert.equal((await ask(token)).status, 200);

    await page.goto(`${world.console}/api-tokens`);
    assert.ok(!(await page.content()).includes(token));
    await row(page, 'Journey').getByRole('link', { name: 'Revoke' }).click();
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByText('It is refused from now on.').waitFor();
    assert.equal(await row(page, 'Journey').count(), 0);
    assert.equal((await ask(token)).status, 401);
  });

  it('shows the whole token to a browser without scripts, one click selects it', async () => {
    const context = await world.browser.newContext({ javaScriptEnabled: false, storageState: await desk.context().storageState() });
    const page = await context.newPage();
    await page.goto(`${world.console}/api-tokens/new`);
    await page.getByLabel('Name').fill('Plain');
    await page.getByLabel('Call providers through Keyway').check();
    await page.getByRole('button', { name: 'Make the token' }).click();
    const token = page.locator('#token');
    assert.match(await token.textContent(), /^kw_[\w-]{49}$/);
    assert.equal(await token.evaluate((code) => getComputedStyle(code).userSelect), 'all');
    assert.equal(await page.getByRole('button', { name: /Copy/ }).count(), 0);
    await context.close();
  });

  it('refreshes a credential now', async () => {
    const page = desk;
    await page.goto(`${world.console}/credentials/${world.credentials.blue}`);
    await fact(page, 'Last refreshed').getByText('not since it was connected').waitFor();
    await page.getByRole('button', { name: 'Refresh now' }).click();
    await page.getByRole('status').getByText('Done').waitFor();
    await page.getByRole('heading', { name: 'Refreshed' }).waitFor();
    assert.equal(await fact(page, 'Last refreshed').getByText('not since it was connected').count(), 0);
  });

  it('revokes a grant at the provider, and the credential says so', async () => {
    const page = desk;
    await page.goto(`${world.console}/credentials/${world.credentials.blue}`);
    await page.getByRole('link', { name: 'Revoke' }).click();
    await page.getByText('Keyway asks Sample to end the grant.').waitFor();
    await page.getByRole('link', { name: 'Keep it' }).click();
    await page.getByRole('link', { name: 'Revoke' }).click();
    await page.getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('heading', { name: 'Revoked' }).waitFor();
    await page.getByText('It does not work any more.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Refresh now' }).count(), 0);
    await page.goto(world.console);
    await page.getByRole('heading', { name: 'What needs attention' }).waitFor();
    await page.getByRole('link', { name: 'Blue Bicycle Shop' }).waitFor();
  });

  it('deletes a credential, and keeps its story', async () => {
    const page = desk;
    await page.goto(`${world.console}/credentials?q=green`);
    await page.getByRole('link', { name: 'Green Garden Centre' }).click();
    await page.getByRole('link', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { name: 'Deleted credential' }).waitFor();
    await page.getByText('The provider has ended the grant.').waitFor();
    await page.goto(`${world.console}/credentials?q=green`);
    await page.getByText('No credential is like that.').waitFor();
  });
});

/** What the client backend does with an API token. */
function ask(token) {
  const url = `${world.gateway}/v1/credentials/${world.credentials.blue}/token`;
  return fetch(url, { headers: { authorization: `Bearer ${token}` } });
}
