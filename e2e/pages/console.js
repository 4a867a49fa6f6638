// The console's pages: of a new account, and of one in full use.

import { fillWebhook, openRegistration, register, row, signIn } from '../helpers/admin.js';
import { PASSWORD } from '../helpers/world.js';
import { at, entry, send, then } from './entry.js';

const app = (name, rest = '') => at(({ apps }) => `/oauth-apps/${apps[name].id}${rest}`);

const credential = (state, rest = '') => at(({ credentials }) => `/credentials/${credentials[state]}${rest}`);

/** Fills in what a token is for, ticks two things, and sends it. */
async function makeToken(page) {
  await page.getByLabel('Name').fill('Billing service, production');
  await page.getByLabel('See credentials, secrets masked.').check();
  await page.getByLabel('Get access tokens and all other secrets in clear.').check();
  await send(page, 'Make the token');
}
const webhook = (name, rest = '') => at(({ webhooks }) => `${webhooks[name]}${rest}`);

const delivery = (name, state) => then(webhook(name), async (page) => {
  await row(page, state).first().getByRole('link').first().click();
  await page.getByRole('heading', { name: 'Payload' }).waitFor();
});

const flow = (text) => then(at('/flow-log'), async (page) => {
  await row(page, text).first().getByRole('link').first().click();
  await page.getByRole('heading', { name: 'Steps' }).waitFor();
});

/** A form that was opened before its admin signed in anew in another tab. */
async function sendStale(page, world) {
  await openRegistration(page, world.console, 'Stripe');
  const other = await page.context().newPage();
  await other.goto(world.console);
  await other.getByRole('button', { name: 'Sign out' }).click();
  await signIn(other, { email: world.admins.filled, password: PASSWORD });
  await other.getByRole('heading', { name: 'Overview' }).waitFor();
  await other.close();
  await register(page, { name: 'Typed in vain', clientId: 'stripe-1', clientSecret: 'secret', scopes: 'read_write' });
}

export const consolePages = [
  entry('console-overview', 'empty', 'empty', 'Overview', at('/')),
  entry('console-overview', 'filled', 'filled', 'Overview', at('/')),
  entry('console-oauth-apps', 'empty', 'empty', 'OAuth apps', at('/oauth-apps')),
  entry('console-oauth-apps', 'filled', 'filled', 'OAuth apps', at('/oauth-apps')),
  entry('console-choose-provider', 'filled', 'empty', 'Choose a provider', at('/oauth-apps/new')),
  entry('console-choose-provider', 'empty', 'empty', 'Choose a provider', at('/oauth-apps/new?q=of+no+name')),
  entry('console-register', 'empty', 'empty', 'Register Salesforce', at('/oauth-apps/new/salesforce')),
  entry('console-register', 'error', 'empty', 'Register Salesforce', then(at('/oauth-apps/new/salesforce'), async (page) => {
    await register(page, { name: 'Our org', clientId: 'two words', clientSecret: '********', scopes: 'a"b' });
    await page.getByRole('alert').waitFor();
  })),
  entry('console-register', 'self-hosted', 'empty', 'Register GitLab', at('/oauth-apps/new/gitlab')),
  entry('console-register', 'key', 'empty', 'Register SendGrid', at('/oauth-apps/new/sendgrid')),
  entry('console-register', 'made', 'half', 'SendGrid is registered', then(at('/oauth-apps/new/sendgrid'), async (page) => {
    await page.getByRole('button', { name: 'Register' }).click();
    await page.getByRole('heading', { name: 'SendGrid is registered' }).waitFor();
  })),
  entry('console-oauth-app', 'empty', 'half', 'Halfway to Linear', app('half')),
  entry('console-oauth-app', 'filled', 'filled', 'Acme for Sample', app('sample', '?done=registered')),
  entry('console-oauth-app', 'long', 'filled', /^A name that goes on and on/, app('long')),
  entry('console-edit-app', 'filled', 'filled', /^Edit/, app('long', '/edit')),
  entry('console-edit-app', 'error', 'filled', /^Edit/, then(app('long', '/edit'), async (page) => {
    await page.getByLabel('Scopes').fill('a"b');
    await send(page, 'Save');
  })),
  entry('console-oauth-client', 'empty', 'filled', 'OAuth client', app('sample', '/client')),
  entry('console-oauth-client', 'filled', 'filled', 'Your client secret', then(app('sample', '/client'), (page) => send(page, 'Make a client secret'))),
  entry('console-oauth-client', 'error', 'filled', 'OAuth client', then(app('sample', '/client'), async (page) => {
    await page.getByLabel('Public keys').fill('{');
    await page.getByLabel('Leeway').fill('900');
    await send(page, 'Save');
  })),
  entry('console-replace-secret', 'empty', 'filled', 'Replace the client secret', app('sample', '/secret')),
  entry('console-replace-secret', 'error', 'filled', 'Replace the client secret', then(app('sample', '/secret'), async (page) => {
    page.once('dialog', (dialog) => dialog.accept());
    await page.getByLabel('New client secret').fill('*******');
    await send(page, 'Replace');
  })),
  entry('console-delete-app', 'filled', 'filled', 'Delete Acme for Sample?', app('sample', '/delete')),
  entry('console-delete-app', 'error', 'filled', 'Delete Acme for Sample?', then(app('sample', '/delete'), (page) => send(page, 'Delete'))),
  entry('console-providers', 'filled', 'empty', 'Providers', at('/providers')),
  entry('console-providers', 'empty', 'empty', 'Providers', at('/providers?q=of+no+name')),
  entry('console-provider', 'filled', 'empty', 'GitHub', at('/providers/github')),
  entry('console-provider', 'variables', 'empty', 'Shopify', at('/providers/shopify')),
  entry('console-new-provider', 'empty', 'empty', 'New provider', at('/providers/new')),
  entry('console-new-provider', 'error', 'empty', 'New provider', then(at('/providers/new'), async (page) => {
    await page.getByLabel('Slug').fill('acme');
    await page.getByLabel('Name', { exact: true }).fill('Acme');
    await page.getByLabel('Documentation').fill('https://acme.example/docs');
    await page.getByLabel('Authorization URL').fill('https://acme.example/authorize');
    await page.getByLabel('Token URL').fill('http://acme.example/token');
    await send(page, 'Save');
  })),
  entry('console-new-provider-text', 'empty', 'empty', 'New provider as text', at('/providers/new/text')),
  entry('console-new-provider-text', 'error', 'empty', 'New provider as text', then(at('/providers/new/text'), async (page) => {
    await page.getByLabel('Slug').fill('acme');
    await page.getByLabel('Definition').fill('name = "Acme"\ncategory = \n');
    await send(page, 'Save');
  })),
  entry('console-own-provider', 'filled', 'filled', 'Acme’s own', then(at('/providers/new/text'), async (page) => {
    const text = await page.getByLabel('Definition').inputValue();
    await page.getByLabel('Slug').fill(`acme-${Math.random().toString(36).slice(2)}`);
    await page.getByLabel('Definition').fill(text.replace('"Acme"', '"Acme’s own"'));
    await send(page, 'Save');
  })),
  entry('console-redirect-uris', 'empty', 'empty', 'Redirect URIs', at('/redirect-uris')),
  entry('console-redirect-uris', 'filled', 'filled', 'Redirect URIs', at('/redirect-uris')),
  entry('console-redirect-uris', 'preview', 'filled', 'Redirect URIs', then(at('/redirect-uris'), (page) =>
    page.getByLabel('Add a redirect URI').fill('https://staging.example/:provider/done'),
  )),
  entry('console-redirect-uris', 'error', 'filled', 'Redirect URIs', then(at('/redirect-uris'), async (page) => {
    await page.getByLabel('Add a redirect URI').fill('http://app.example/callback');
    await send(page, 'Add');
  })),
  entry('console-remove-redirect-uri', 'filled', 'filled', 'Remove this redirect URI?', then(at('/redirect-uris'), (page) =>
    page.getByRole('link', { name: 'Remove' }).last().click(),
  )),
  entry('console-credentials', 'empty', 'empty', 'Credentials', at('/credentials')),
  entry('console-credentials', 'filled', 'filled', 'Credentials', at('/credentials')),
  entry('console-credentials', 'found', 'filled', 'Credentials', at('/credentials?q=rocket&health=error')),
  entry('console-credentials', 'none', 'filled', 'Credentials', at('/credentials?q=of+no+name')),
  entry('console-credential', 'filled', 'filled', 'Blue Bicycle Shop', then(at('/credentials'), (page) =>
    page.getByRole('link', { name: 'Blue Bicycle Shop' }).click(),
  )),
  entry('console-credential', 'error', 'filled', 'Red Rocket School', credential('dead')),
  entry('console-credential', 'long', 'filled', /^Workspace A name that goes on/, credential('shaky')),
  entry('console-credential', 'deleted', 'filled', 'Deleted credential', credential('deleted')),
  entry('console-revoke-credential', 'filled', 'filled', /^Revoke Blue Bicycle Shop at Sample/, credential('blue', '/revoke')),
  entry('console-delete-credential', 'filled', 'filled', 'Delete Blue Bicycle Shop?', credential('blue', '/delete')),
  entry('console-flow-log', 'empty', 'empty', 'Flow log', at('/flow-log')),
  entry('console-flow-log', 'filled', 'filled', 'Flow log', at('/flow-log')),
  entry('console-flow-log', 'error', 'filled', 'Flow log', at('/flow-log?reference=half-of-one')),
  entry('console-flow', 'filled', 'filled', /Sample: connected/i, flow('Connected')),
  entry('console-flow', 'error', 'filled', /Sample: failed/i, flow('Failed')),
  entry('console-flow', 'open', 'filled', /Shopify: under way/i, flow('Under way')),
  entry('console-api-tokens', 'empty', 'empty', 'API tokens', at('/api-tokens')),
  entry('console-make-api-token', 'empty', 'empty', 'Make an API token', at('/api-tokens/new')),
  entry('console-make-api-token', 'error', 'empty', 'Make an API token', then(at('/api-tokens/new'), async (page) => {
    await page.getByLabel('Name').fill('Ticked nothing');
    await send(page, 'Make the token');
  })),
  entry('console-api-token', 'once', 'filled', 'Your API token', then(at('/api-tokens/new'), makeToken)),
  entry('console-api-tokens', 'filled', 'filled', 'API tokens', at('/api-tokens')),
  entry('console-revoke-api-token', 'filled', 'filled', /^Revoke Billing service/, then(at('/api-tokens'), (page) =>
    page.getByRole('link', { name: /^Revoke/ }).first().click(),
  )),
  entry('console-webhooks', 'empty', 'empty', 'Webhooks', at('/webhooks')),
  entry('console-webhooks', 'filled', 'filled', 'Webhooks', at('/webhooks')),
  entry('console-add-webhook', 'empty', 'empty', 'Add an endpoint', at('/webhooks/new')),
  entry('console-add-webhook', 'error', 'empty', 'Add an endpoint', then(at('/webhooks/new'), async (page) => {
    await fillWebhook(page, { url: 'http://hooks.example/keyway', description: 'Billing', events: [] });
    await send(page, 'Add');
  })),
  entry('console-webhook', 'empty', 'filled', 'Webhook endpoint', webhook('long')),
  entry('console-webhook', 'filled', 'filled', 'Webhook endpoint', webhook('works')),
  entry('console-webhook', 'gone', 'filled', 'Webhook endpoint', webhook('gone')),
  entry('console-webhook-delivery', 'filled', 'filled', /^oauth_app/, delivery('works', 'Delivered')),
  entry('console-webhook-delivery', 'error', 'filled', 'credential.created', delivery('works', 'Retrying')),
  entry('console-edit-webhook', 'filled', 'filled', 'Edit the endpoint', webhook('long', '/edit')),
  entry('console-rotate-webhook', 'empty', 'filled', 'Rotate the secret', webhook('works', '/rotate')),
  entry('console-rotate-webhook', 'filled', 'filled', 'The secret is rotated', then(webhook('works', '/rotate'), (page) => send(page, 'Rotate'))),
  entry('console-delete-webhook', 'filled', 'filled', 'Delete this endpoint?', webhook('long', '/delete')),
  entry('console-error', 'error', 'filled', 'Not found', at('/nowhere')),
  entry('console-refused', 'error', 'filled', 'Nothing was changed', sendStale),
];
