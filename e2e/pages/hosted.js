// What end users see of Keyway.

import { CLIENT, startLink } from '../helpers/flows.js';
import { entry, then } from './entry.js';

const start = (app, provider, more) => (page, { gateway, apps }) => page.goto(startLink(gateway, apps[app], provider, more));
const gateway = (path) => (page, world) => page.goto(world.gateway + path);

const answer = (shop) => async (page) => {
  await page.getByLabel('Shop').fill(shop);
  await page.getByRole('button', { name: /Continue/ }).click();
  await page.getByRole('alert').waitFor();
};

export const hostedPages = [
  entry('hosted-variables', 'empty', null, 'Connect Shopify', start('shopify', 'shopify')),
  entry('hosted-variables', 'filled', null, 'Connect Shopify', then(start('shopify', 'shopify'), (page) =>
    page.getByLabel('Shop').fill('acme.myshopify.com'),
  )),
  entry('hosted-variables', 'error', null, 'Connect Shopify', then(start('shopify', 'shopify'), answer('acme.example'))),
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
