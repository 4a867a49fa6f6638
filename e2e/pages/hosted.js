// What end users see of Keyway.

import { CLIENT, startLink } from '../helpers/flows.js';
import { makeLinkSession, showLinkSession, throughSession } from '../helpers/link-sessions.js';
import { succeed } from '../helpers/processes.js';
import { entry, then } from './entry.js';

const start = (app, provider, more) => (page, { gateway, apps }) => page.goto(startLink(gateway, apps[app], provider, more));
const gateway = (path) => (page, world) => page.goto(world.gateway + path);

const answer = (shop) => async (page) => {
  await page.getByLabel('Shop').fill(shop);
  await page.getByRole('button', { name: /Continue/ }).click();
  await page.getByRole('alert').waitFor();
};

const END_USER = { id: 'user-7', name: 'Ada Lovelace', email: 'ada@customer.example' };

/** Makes a session for these apps, or for all, and leads to its page. */
const session = (apps, more = {}) => async (page, world) => {
  const ids = apps && { oauth_app_ids: apps.map((name) => world.apps[name].id) };
  const made = await makeLinkSession(world, { end_user: END_USER, ...ids, ...more });
  await page.goto(made.url);
  return made;
};

const connected = async (page, world) => {
  const made = await session(['sample'])(page, world);
  await throughSession(page, made.url);
  return made;
};

const reconnecting = (more = {}) => async (page, world) => {
  const { id } = await connected(page, world);
  const { credential_id } = await showLinkSession(world, id);
  return session(null, { credential_id, ...more })(page, world);
};

const ended = (more) => async (page, world) => {
  const { id, url } = await more(page, world);
  await succeed('psql', ['--no-psqlrc', '--quiet', '--command', `UPDATE link_sessions SET expires_at = now() WHERE id = '${id}'`, world.database]);
  await page.goto(url);
};

const walked = (open, how) => async (page, world) => {
  const { url } = await open(page, world);
  await throughSession(page, url, how);
};

export const hostedPages = [
  entry('hosted-link', 'filled', null, 'Connect Sample', session(['sample'])),
  entry('hosted-link', 'nameless', null, 'Connect Sample', session(['sample'], { end_user: { id: 'user-7' } })),
  entry('hosted-link', 'choice', null, 'Choose what to connect', session(null)),
  entry('hosted-link', 'reconnect', null, 'Reconnect Blue Bicycle Shop', reconnecting()),
  entry('hosted-link', 'connected', null, 'Connected', connected),
  entry('hosted-link', 'refused', null, 'Connection refused', walked(session(['sample']), { answer: 'Deny' })),
  entry('hosted-link', 'other-account', null, 'This is another account', walked(
    reconnecting({ redirect_uri: `${CLIENT}/:provider`, state: 'customer-7' }),
    { workspace: 'Green Garden Centre' },
  )),
  entry('hosted-link', 'used', null, 'This link has been used', async (page, world) => {
    const { url } = await connected(page, world);
    await page.goto(url);
  }),
  entry('hosted-link', 'expired', null, 'This link has expired', ended(session(['sample']))),
  entry('hosted-link', 'unknown', null, 'This link does not work', gateway(`/link/session/${'x'.repeat(43)}`)),
  entry('hosted-variables', 'empty', null, 'Connect Shopify', start('shopify', 'shopify')),
  entry('hosted-variables', 'filled', null, 'Connect Shopify', then(start('shopify', 'shopify'), (page) =>
    page.getByLabel('Shop').fill('acme.myshopify.com'),
  )),
  entry('hosted-variables', 'error', null, 'Connect Shopify', then(start('shopify', 'shopify'), answer('acme.example'))),
  entry('hosted-key', 'empty', null, 'Connect SendGrid', start('sendgrid', 'sendgrid')),
  entry('hosted-key', 'error', null, 'Connect SendGrid', then(start('sendgrid', 'sendgrid'), async (page) => {
    await page.getByLabel('API key').fill('not a key');
    await page.getByRole('button', { name: /Connect/ }).click();
    await page.getByRole('alert').waitFor();
  })),
  entry('hosted-account', 'filled', null, 'Which account?', then(start('several', 'several'), async (page) => {
    await page.getByLabel('Key').fill('a key of several accounts');
    await page.getByRole('button', { name: /Connect/ }).click();
    await page.getByRole('heading', { name: 'Which account?' }).waitFor();
  })),
  entry('hosted-account', 'error', null, 'Connection not made', gateway('/link/oauth2/choice/01890000-0000-7000-8000-000000000000')),
  entry('hosted-choices', 'empty', null, 'Connect Regional', start('regional', 'regional')),
  entry('hosted-error', 'error', null, 'Connection not made', gateway('/link/oauth2/start?client_id=x')),
  entry('hosted-refusal', 'error', null, 'Connection refused', gateway('/link/oauth2/callback/sample?error=access_denied&state=x')),
  entry('hosted-debug', 'error', null, 'This start link does not work', start('long', 'salesforce', {
    redirect_uri: `${CLIENT}/saleforce?x=${'y'.repeat(80)}`,
    scope: 'api openid',
    'param.login_host': 'test.salesforce.com',
    state: 'a state',
    debug: '1',
  })),
  entry('hosted-debug', 'empty', null, 'This start link does not work', gateway('/link/oauth2/start?debug=1')),
];
