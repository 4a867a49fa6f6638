// The admin console: signing in, registering, mistakes, the keyboard, and a browser without scripts.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { addRedirectUri, openRegistration, register, row, signIn } from '../helpers/admin.js';
import { launch, visitor } from '../helpers/browser.js';
import { cleanUp } from '../helpers/cleanup.js';
import { tabTo } from '../helpers/keyboard.js';
import { startServices } from '../helpers/services.js';

const PASSWORD = 'four words in a row';
const ADMIN = { email: 'admin@acme.example', password: PASSWORD };
const SECRET = 'sec ret-e2e-canary';

let services, browser, url, desk;

describe('the console', () => {
  before(async () => {
    services = await startServices();
    url = services.console;
    await account('Acme', ADMIN.email);
    browser = await launch();
    desk = await signedIn();
  });

  after(cleanUp);

  it('refuses a wrong password, and keeps the address', async () => {
    const page = await visit('/credentials');
    await signIn(page, { ...ADMIN, password: 'something else' });
    await page.getByRole('alert').getByText('do not match').waitFor();
    assert.equal(await page.getByLabel('E-mail address').inputValue(), ADMIN.email);
    assert.equal(await page.getByLabel('Password').inputValue(), '');
    // The right one leads to where one wanted to go.
    await signIn(page, ADMIN);
    await page.getByRole('heading', { name: 'Credentials' }).waitFor();
  });

  it('slows down who guesses, and says for how long', async () => {
    await account('Guessed', 'guessed@acme.example');
    const page = await visit('/sign-in');
    const guess = { email: 'guessed@acme.example', password: 'guess' };
    for (let wrong = 0; wrong < 10; wrong++) {
      await signIn(page, guess);
      await page.getByRole('alert').getByText('do not match').waitFor();
    }
    const [response] = await Promise.all([page.waitForResponse(`${url}/sign-in`), signIn(page, guess)]);
    assert.equal(response.status(), 429);
    assert.ok(Number(response.headers()['retry-after']) > 0);
    await page.getByRole('alert').getByText(/Too many attempts\. Try again in \d minutes?\./).waitFor();
    // Not even the right one is looked at now; and others are not slowed.
    await signIn(page, { ...guess, password: PASSWORD });
    await page.getByRole('alert').getByText('Too many attempts').waitFor();
    await signIn(page, ADMIN);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
  });

  it('signs out for good', async () => {
    const page = await signedIn();
    await page.goto(`${url}/credentials`);
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.goto(`${url}/oauth-apps`);
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('lets somebody who is signed in come from another site', async () => {
    const page = desk;
    // The same machine by another name is another site to a browser.
    await page.goto(`${services.gateway.replace('127.0.0.1', 'localhost')}/nowhere`);
    await page.evaluate((to) => location.assign(to), `${url}/redirect-uris`);
    await page.getByRole('heading', { name: 'Redirect URIs' }).waitFor();
  });

  it('keeps what was typed when an app is refused, but never the secret', async () => {
    const page = desk;
    await openRegistration(page, url, 'Linear');
    const typed = { name: 'Our Linear', clientId: 'two words', clientSecret: SECRET, scopes: 'read\nwrite' };
    await register(page, typed);
    await page.getByRole('alert').waitFor();
    await page.getByText('a client ID has no spaces').waitFor();
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), typed.name);
    assert.equal(await page.getByLabel('Client ID').inputValue(), typed.clientId);
    assert.equal((await page.getByLabel('Scopes').inputValue()).trim(), typed.scopes);
    assert.equal(await page.getByLabel('Client secret').inputValue(), '');
    assert.ok(!(await page.content()).includes(SECRET));
    assert.equal(await page.getByLabel('Client ID').getAttribute('aria-invalid'), 'true');

    await register(page, { ...typed, clientId: 'linear-1', clientSecret: '***********' });
    await page.getByText('this is the mask and not the secret').waitFor();
    await register(page, { ...typed, clientId: 'linear-1' });
    await page.getByRole('heading', { name: 'Our Linear' }).waitFor();
    await page.getByText('Registered.').waitFor();
    assert.ok(!(await page.content()).includes(SECRET));

    await openRegistration(page, url, 'Linear');
    await register(page, { ...typed, name: 'Again', clientId: 'linear-1' });
    await page.getByText('registered already').waitFor();
  });

  it('does not send a form that is not filled in', async () => {
    const page = desk;
    await openRegistration(page, url, 'Salesforce');
    const sent = [];
    page.on('request', (request) => sent.push(request.method()));
    await page.getByRole('button', { name: 'Register' }).click();
    assert.ok(await page.getByLabel('Client ID').evaluate((field) => field.validity.valueMissing));
    assert.ok(!sent.includes('POST'));
  });

  it('says what is wrong with a redirect URI, and shows what one would become', async () => {
    const page = desk;
    for (const [uri, words] of [
      ['http://app.example/callback', /https/],
      ['https://app.example/callback#top', /fragment/],
      ['https://user@app.example/callback', /user/],
      ['https://*.app.example/callback', /wildcard|\*/],
      ['https://:provider.example/callback', /path/],
    ]) {
      await addRedirectUri(page, url, uri);
      assert.match(await page.locator('.wrong').textContent(), words);
      assert.equal(await page.getByLabel('Add a redirect URI').inputValue(), uri);
    }
    const preview = page.getByRole('main').getByText('https://app.example/linear/done', { exact: true });
    await page.getByLabel('Add a redirect URI').fill('https://app.example/:provider/done');
    await preview.waitFor();
    await page.getByRole('button', { name: 'Preview' }).click();
    await preview.waitFor();
    await page.getByText('None yet.').waitFor();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await row(page, 'https://app.example/:provider/done').waitFor();
    await addRedirectUri(page, url, 'https://app.example/:provider/done');
    assert.match(await page.locator('.wrong').textContent(), /registered already/);
  });

  it('asks before it deletes', async () => {
    const page = desk;
    await openRegistration(page, url, 'GitHub');
    await register(page, { name: 'Short-lived', clientId: 'github-1', clientSecret: SECRET });
    await page.getByRole('link', { name: 'Delete' }).click();
    await page.getByRole('heading', { name: 'Delete Short-lived?' }).waitFor();
    await page.getByRole('link', { name: 'Keep it' }).click();
    await page.getByRole('heading', { name: 'Short-lived' }).waitFor();
    await page.getByRole('link', { name: 'Delete' }).click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByText('The OAuth app is deleted.').waitFor();
    assert.equal(await row(page, 'Short-lived').count(), 0);

    await addRedirectUri(page, url, 'https://gone.example/');
    await row(page, 'https://gone.example/').getByRole('link', { name: 'Remove' }).click();
    await page.getByText('https://gone.example/').waitFor();
    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('The redirect URI is removed.').waitFor();
    assert.equal(await row(page, 'https://gone.example/').count(), 0);
  });

  it('refuses a form of an earlier sign-in, and gives back what was typed', async () => {
    const page = await signedIn();
    await openRegistration(page, url, 'Stripe');
    const other = await page.context().newPage();
    await other.goto(url);
    await other.getByRole('button', { name: 'Sign out' }).click();
    await signIn(other, ADMIN);
    await other.getByRole('heading', { name: 'Overview' }).waitFor();
    await register(page, { name: 'Typed in vain', clientId: 'stripe-1', clientSecret: SECRET });
    await page.getByRole('heading', { name: 'Nothing was changed' }).waitFor();
    await page.getByText('Typed in vain').waitFor();
    assert.ok(!(await page.content()).includes(SECRET));
  });

  it('copies a value', async () => {
    const page = desk;
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await openRegistration(page, url, 'Linear');
    await page.getByRole('button', { name: 'Copy the callback URL' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `${services.gateway}/link/oauth2/callback/linear`);
  });

  it('works without scripts, all the way to the provider', async () => {
    const page = await signedIn({ javaScriptEnabled: false });
    await openRegistration(page, url, 'Shopify');
    assert.equal(await page.getByRole('button', { name: /Copy/ }).count(), 0);
    await register(page, { name: 'Our shops', clientId: 'shopify-1', clientSecret: SECRET });
    await page.getByText('Registered.').waitFor();
    const app = page.url();
    await addRedirectUri(page, url, 'not an address');
    await page.locator('.wrong').waitFor();
    await page.getByLabel('Add a redirect URI').fill('https://shops.example/:provider');
    await page.getByRole('button', { name: 'Preview' }).click();
    await page.getByText('https://shops.example/shopify', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Add', exact: true }).click();
    await row(page, 'https://shops.example/:provider').waitFor();

    await page.goto(app);
    await page.getByRole('link', { name: 'Connect' }).last().click();
    await page.getByRole('heading', { name: 'Connect Shopify' }).waitFor();
    await page.getByLabel('Shop').fill('acme.example');
    await page.getByRole('button', { name: /Continue/ }).click();
    await page.getByRole('alert').waitFor();
    await page.getByLabel('Shop').fill('Acme');
    const leaves = page.waitForRequest((request) => request.url().startsWith('https://acme.myshopify.com/'));
    await page.getByRole('button', { name: /Continue/ }).click();
    assert.equal(new URL((await leaves).url()).searchParams.get('client_id'), 'shopify-1');
  });

  it('can be used by keyboard alone, and the focus is always seen', async () => {
    const page = await visit('/');
    const { keyboard } = page;
    // The first field has the focus already.
    assert.ok(await page.getByLabel('E-mail address').evaluate((field) => field === document.activeElement));
    await keyboard.type(ADMIN.email);
    await tabTo(page, page.getByLabel('Password'));
    await keyboard.type(PASSWORD);
    await tabTo(page, page.getByRole('button', { name: 'Sign in' }));
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();

    await tabTo(page, page.getByRole('link', { name: 'Skip to the content' }));
    assert.ok((await page.getByRole('link', { name: 'Skip to the content' }).boundingBox()).y >= 0);
    await keyboard.press('Enter');
    assert.ok(await page.getByRole('main').evaluate((main) => main === document.activeElement));
    await page.reload();
    for (const [link, heading] of [
      ['OAuth apps', 'OAuth apps'],
      ['Register an OAuth app', 'Choose a provider'],
    ]) {
      await tabTo(page, page.getByRole('link', { name: link }).first());
      await keyboard.press('Enter');
      await page.getByRole('heading', { name: heading, exact: true }).waitFor();
    }
    // There are hundreds: whoever has no mouse searches.
    await tabTo(page, page.getByLabel('Name or category'));
    await keyboard.type('HubSpot');
    await keyboard.press('Enter');
    await page.getByText(/No provider|HubSpot/).first().waitFor();
    await tabTo(page, page.getByRole('link', { name: 'HubSpot' }).first());
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Register HubSpot', exact: true }).waitFor();
    for (const [label, text] of [
      ['Name', ''],
      ['Client ID', 'hubspot-1'],
      ['Client secret', SECRET],
    ]) {
      await tabTo(page, page.getByLabel(label, { exact: true }));
      await keyboard.type(text);
    }
    await tabTo(page, page.getByRole('button', { name: 'Register' }));
    await keyboard.press('Enter');
    await page.getByRole('heading', { name: 'HubSpot', exact: true }).waitFor();
    await page.getByText('Registered.').waitFor();
  });
});

async function account(name, email) {
  await services.keyway(['admins', 'create', '--account', name, '--email', email, '--password-stdin'], PASSWORD);
}

async function visit(path, context) {
  const page = await (context ?? (await visitor(browser))).newPage();
  await page.goto(url + path);
  return page;
}

/** A page in a browser of its own, in which an admin has signed in. */
async function signedIn(options) {
  const page = await visit('/', await visitor(browser, options));
  await signIn(page, ADMIN);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return page;
}
