// A provider that an admin describes in the console: it works without a restart, and a broken one is
// refused with the line and the reason.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { addRedirectUri, openRegistration, register, row, setUp } from '../helpers/admin.js';
import { launch, visitor } from '../helpers/browser.js';
import { cleanUp } from '../helpers/cleanup.js';
import { leads } from '../helpers/flows.js';
import { consent, logIn, registerClient, startOidcServer } from '../helpers/oidc-server.js';
import { startServices } from '../helpers/services.js';

const ADMIN = { account: 'Acme', email: 'admin@acme.example', password: 'four words in a row' };
const REDIRECT_URI = 'https://app.example/callback/:provider';

let server, services, admin, endUser, fields;

describe('a provider of one’s own', () => {
  before(async () => {
    server = await startOidcServer();
    services = await startServices({ outbound: server.address });
    const browser = await launch();
    admin = await (await visitor(browser)).newPage();
    endUser = await visitor(browser);
    await setUp(admin, await services.setupLink(), ADMIN);
    await addRedirectUri(admin, services.console, REDIRECT_URI);
    fields = {
      Slug: 'back-door',
      Name: 'Back Door',
      Documentation: 'https://github.com/panva/node-oidc-provider',
      'Authorization URL': `${server.issuer}/auth`,
      'Token URL': `http://${server.address}/token`,
      Scopes: 'openid email',
      'Identity URL': `http://${server.address}/me`,
      'Path of the account’s id': 'sub',
      'Path of the account’s name': 'email',
    };
  });

  after(cleanUp);

  it('is refused with line and reason where the form is wrong, and nothing typed is lost', async () => {
    await admin.goto(services.console);
    await admin.getByRole('link', { name: 'Providers', exact: true }).click();
    await admin.getByRole('link', { name: 'New provider' }).click();
    for (const [label, value] of Object.entries(fields)) await fill(label, value);
    await admin.getByLabel('PKCE').selectOption('required');
    await fill('Token URL', 'http://token.example/token');
    await admin.getByRole('button', { name: 'Save' }).click();
    await admin.getByRole('alert').getByText(/Line \d+:/).waitFor();
    await admin.getByRole('alert').getByText(/token\.url/).waitFor();
    assert.match(await admin.locator('#token_url-wrong').textContent(), /https/);
    for (const [label, value] of Object.entries({ ...fields, 'Token URL': 'http://token.example/token' })) {
      assert.equal(await box(label).inputValue(), value, label);
    }
    assert.equal(await admin.getByLabel('PKCE').inputValue(), 'required');
  });

  it('works as soon as it is saved', async () => {
    await fill('Token URL', fields['Token URL']);
    await admin.getByRole('button', { name: 'Save' }).click();
    await admin.getByRole('heading', { name: 'Back Door', exact: true }).waitFor();
    const callback = await admin.locator('#callback').textContent();
    assert.equal(callback, `${services.gateway}/link/oauth2/callback/back-door`);
    const client = await registerClient(server, callback);
    await openRegistration(admin, services.console, 'Back Door');
    await register(admin, {
      name: 'Acme at Back Door',
      clientId: client.client_id,
      clientSecret: client.client_secret,
      scopes: 'openid email',
    });
    await admin.getByRole('heading', { name: 'Acme at Back Door' }).waitFor();
    await connect('carol', client.client_secret);
    await admin.goto(`${services.console}/credentials`);
    await admin.getByRole('link', { name: 'carol@people.example' }).waitFor();
  });

  it('is refused with line and reason where the text is wrong, and what was good goes on', async () => {
    await admin.goto(`${services.console}/providers/back-door/edit`);
    const text = await box('Definition').inputValue();
    const broken = text.replace('[token]\n', '[token]\nmystery = 1\n');
    const line = broken.split('\n').indexOf('mystery = 1') + 1;
    await fill('Definition', broken);
    await admin.getByRole('button', { name: 'Save as version 2' }).click();
    await admin.getByRole('alert').getByText(`Line ${line}:`).waitFor();
    await admin.getByRole('alert').getByText(/mystery/).waitFor();
    assert.equal(await box('Definition').inputValue(), broken);
    await admin.goto(`${services.console}/providers/back-door`);
    await row(admin, 'in use').getByText(/^1\b/).waitFor();
  });

  it('counts in its new version at once, and an older one can return', async () => {
    await admin.goto(`${services.console}/providers/back-door/edit`);
    const text = await box('Definition').inputValue();
    await fill('Definition', text.replace('[authorize]\n', '[authorize]\nparameters = { prompt = "login" }\n'));
    await fill('Note', 'Ask for the password each time');
    await admin.getByRole('button', { name: 'Save as version 2' }).click();
    await admin.getByText('The provider is saved').waitFor();
    assert.equal((await asked()).searchParams.get('prompt'), 'login');
    await admin.goto(`${services.console}/providers/back-door`);
    await admin.getByRole('button', { name: 'Restore version 1' }).click();
    await admin.getByText('The older version is the newest now').waitFor();
    assert.equal((await asked()).searchParams.get('prompt'), null);
  });

  it('is kept while an app needs it', async () => {
    await admin.goto(`${services.console}/providers/back-door/delete`);
    await admin.getByRole('button', { name: 'Delete' }).click();
    await admin.getByRole('alert').getByText('an OAuth app needs it').waitFor();
  });
});

function box(label) {
  return admin.getByLabel(label, { exact: label === 'Name' || label === 'Slug' });
}

async function fill(label, value) {
  await box(label).fill(value);
}

/** The start link of the one app. */
async function startLink() {
  await admin.goto(`${services.console}/oauth-apps`);
  await admin.getByRole('link', { name: 'Acme at Back Door' }).click();
  return new URL(await admin.locator('#start-1').textContent());
}

/** What the provider is asked when a flow starts. */
async function asked() {
  const link = await startLink();
  // Who is signed in there already would be sent on at once.
  await endUser.clearCookies();
  const page = await endUser.newPage();
  const request = leads(page, `${server.issuer}/auth?`);
  await page.goto(link.href);
  return request;
}

async function connect(name, secret) {
  const link = await startLink();
  link.searchParams.set('state', 'mine');
  const page = await endUser.newPage();
  const arrived = leads(page, 'https://app.example/');
  await page.goto(link.href);
  await logIn(page, name);
  await consent(page);
  const code = (await arrived).searchParams.get('code');
  const response = await fetch(`${services.gateway}/link/oauth2/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, client_id: link.searchParams.get('client_id'), client_secret: secret }),
  });
  assert.equal(response.status, 200, await response.clone().text());
}
