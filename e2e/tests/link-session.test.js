// A link session: made by curl, walked in the browser, and seen in the console.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { fact, row, signIn } from '../helpers/admin.js';
import { launch, visitor } from '../helpers/browser.js';
import { cleanUp } from '../helpers/cleanup.js';
import { startDev } from '../helpers/dev.js';
import { leads } from '../helpers/flows.js';
import { tabTo } from '../helpers/keyboard.js';
import { linkSessionToken, makeLinkSession, showLinkSession, throughSession } from '../helpers/link-sessions.js';
import { freePorts } from '../helpers/ports.js';
import { succeed, temporaryDirectory } from '../helpers/processes.js';

const END_USER = { id: 'user-7', name: 'Ada Lovelace', email: 'ada@customer.example' };
let browser, client, keyway, endUser;

describe('a link session', () => {
  before(async () => {
    browser = await launch();
    keyway = await startDev(join(await temporaryDirectory(), '.keyway'), await freePorts(4));
    const config = keyway.command.slice(1, 3);
    const operator = (args) => succeed(keyway.program.child.spawnfile, [...config, ...args]);
    client = { gateway: keyway.gateway, token: await linkSessionToken(operator, 'dev') };
    endUser = await (await visitor(browser)).newPage();
  });

  after(cleanUp);

  it('connects at once, and the credential is the end user’s', async () => {
    const made = await makeLinkSession(client, { end_user: END_USER, metadata: { team: 7 } });
    await endUser.goto(made.url);
    await endUser.getByText('Ada Lovelace').waitFor();
    await throughSession(endUser, made.url);
    await endUser.getByRole('heading', { name: 'Connected' }).waitFor();
    assert.equal(endUser.url(), `${made.url}/done`);
    await endUser.reload();
    await endUser.getByText('Blue Bicycle Shop at Sample is connected to Dev.').waitFor();
    client.credential = await credentialOf(made);
    await endUser.goto(made.url);
    await endUser.getByRole('heading', { name: 'This link has been used' }).waitFor();
  });

  it('is in the console with its end user, and in the flow log', async () => {
    const admin = await (await visitor(browser)).newPage();
    await admin.goto(keyway.console);
    await signIn(admin, keyway.admin);
    await admin.getByRole('heading', { name: 'Overview' }).waitFor();
    await admin.goto(`${keyway.console}/credentials/${client.credential}`);
    await admin.getByRole('heading', { name: 'Blue Bicycle Shop' }).waitFor();
    assert.match(await fact(admin, 'End user').textContent(), /Ada Lovelace.*user-7/s);
    await admin.goto(`${keyway.console}/flow-log`);
    await row(admin, 'Blue Bicycle Shop').getByRole('link').first().click();
    await admin.getByText('The credential is made.').waitFor();
    await fact(admin, 'Link session').waitFor();
  });

  it('reconnects the same account, and no other', async () => {
    const made = await makeLinkSession(client, { end_user: END_USER, credential_id: client.credential });
    await throughSession(endUser, made.url, { workspace: 'Green Garden Centre' });
    await endUser.getByRole('heading', { name: 'This is another account' }).waitFor();
    await endUser.getByText('You signed in to Green Garden Centre. This link is to reconnect Blue Bicycle Shop.').waitFor();
    await endUser.getByRole('link', { name: 'Try again' }).click();
    await endUser.getByRole('heading', { name: 'Reconnect Blue Bicycle Shop' }).waitFor();
    await throughSession(endUser, made.url);
    await endUser.getByRole('heading', { name: 'Connected' }).waitFor();
    assert.equal(await credentialOf(made), client.credential);
  });

  it('ends at the client, by keyboard and without scripts', async () => {
    const redirect_uri = `${keyway.client}/callback/:provider`;
    const state = 'ZTA5N2UxYzctMDRjZi00OTQw/ü& =';
    const made = await makeLinkSession(client, { end_user: END_USER, redirect_uri, state });
    const page = await (await visitor(browser, { javaScriptEnabled: false })).newPage();
    await page.goto(made.url);
    await tabTo(page, page.getByRole('button', { name: 'Continue to Sample' }));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sample provider' }).waitFor();
    const arrived = leads(page, `${keyway.client}/callback/sample?`);
    await page.getByRole('button', { name: 'Allow' }).click();
    const { searchParams } = await arrived;
    assert.deepEqual([...searchParams.keys()], ['code', 'state']);
    assert.equal(searchParams.get('state'), state);
  });

  it('begins nothing from another site', async () => {
    const made = await makeLinkSession(client, { end_user: END_USER });
    const page = await (await visitor(browser)).newPage();
    // The sample client's origin is another one than the gateway's.
    await page.goto(keyway.client);
    const answer = page.waitForResponse((response) => response.url() === made.url);
    await page.evaluate((url) => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action: url });
      document.body.append(form);
      form.submit();
    }, made.url).catch(() => {});
    const blocked = await Promise.race([answer, page.waitForTimeout(5000)]);
    if (blocked) assert.equal(blocked.status(), 403);
    assert.equal((await showLinkSession(client, made.id)).status, 'open');
  });
});

async function credentialOf({ id }) {
  const { status, credential_id: credential } = await showLinkSession(client, id);
  assert.equal(status, 'used');
  return credential;
}
