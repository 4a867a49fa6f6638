// Against a real OAuth server: set up, register, connect, consent, and trade the code by curl.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { addRedirectUri, fact, openRegistration, register, row, setUp } from '../helpers/admin.js';
import { launch, visitor } from '../helpers/browser.js';
import { cleanUp } from '../helpers/cleanup.js';
import { leads } from '../helpers/flows.js';
import { cancel, consent, definition, logIn, registerClient, startOidcServer } from '../helpers/oidc-server.js';
import { run } from '../helpers/processes.js';
import { startServices } from '../helpers/services.js';

const REDIRECT_URI = 'https://app.example/oauth2/callback/:provider';
const ADMIN = { account: 'Acme', email: 'admin@acme.example', password: 'four words in a row' };

const DOOR = { name: 'Front Door', slug: 'front-door', kind: 'front_door_oauth2' };
const FORM = { name: 'Form Door', slug: 'form-door', kind: 'form_door_oauth2', formPost: true };

let server, services, admin, endUser;
const apps = {};

describe('against a real OAuth server', () => {
  before(async () => {
    server = await startOidcServer();
    services = await startServices({
      definitions: { [DOOR.slug]: definition(server, DOOR), [FORM.slug]: definition(server, FORM) },
      outbound: server.address,
    });
    const browser = await launch();
    admin = await (await visitor(browser)).newPage();
    endUser = await visitor(browser);
  });

  after(cleanUp);

  it('sets up the first admin by the one-time link', async () => {
    const link = await services.setupLink();
    await setUp(admin, link, ADMIN);
    await admin.getByText('You are signed in as the first admin').waitFor();
    const stranger = await endUser.newPage();
    const again = await stranger.goto(link);
    assert.equal(again.status(), 410);
    await stranger.getByRole('heading', { name: 'This link does not work any more' }).waitFor();
  });

  for (const provider of [DOOR, FORM]) {
    it(`registers an app at ${provider.name}, with the callback URL that the console shows`, async () => {
      await openRegistration(admin, services.console, provider.name);
      const callback = await admin.locator('#callback').textContent();
      assert.equal(callback, `${services.gateway}/link/oauth2/callback/${provider.slug}`);
      const client = await registerClient(server, callback);
      const { client_id: clientId, client_secret: clientSecret } = client;
      await register(admin, { name: `Acme at ${provider.name}`, clientId, clientSecret });
      await admin.getByRole('heading', { name: `Acme at ${provider.name}` }).waitFor();
      assert.ok(!(await admin.content()).includes(clientSecret));
      const id = await admin.locator('#keyway-id').textContent();
      apps[provider.slug] = { id, clientId, clientSecret };
    });
  }

  it('adds a redirect URI for every provider', async () => {
    await addRedirectUri(admin, services.console, REDIRECT_URI);
    await row(admin, REDIRECT_URI).waitFor();
    for (const { slug } of [DOOR, FORM]) {
      await admin.getByText(`https://app.example/oauth2/callback/${slug}`).waitFor();
    }
  });

  it('connects, and the code is good for the credential', async () => {
    const { page, state, arrived, asked } = await setOut(DOOR, 'ZTA5N2UxYzctMDRjZi00OTQw/ü& =');
    const request = (await asked).searchParams;
    assert.equal(request.get('code_challenge_method'), 'S256');
    assert.match(request.get('code_challenge'), /^[\w-]{43}$/);
    assert.match(request.get('nonce'), /^[\w-]{43}$/);
    assert.equal(request.get('redirect_uri'), `${services.gateway}/link/oauth2/callback/${DOOR.slug}`);
    assert.notEqual(request.get('state'), state);
    await logIn(page, 'carol');
    await consent(page);
    const answer = await arrived;
    assert.equal(answer.origin + answer.pathname, `https://app.example/oauth2/callback/${DOOR.slug}`);
    assert.deepEqual([...answer.searchParams.keys()], ['code', 'state']);
    assert.equal(answer.searchParams.get('state'), state);

    const { status, body } = await redeem(DOOR, answer.searchParams.get('code'));
    assert.equal(status, 200, JSON.stringify(body));
    assertSeedShape(body, DOOR, { state, subject: 'carol' });
    const [token, ...more] = server.tokenRequests;
    assert.match(token.authorization, /^Basic /);
    assert.equal(more.length, 0);
    assert.equal(await userInfo(body.credential.properties.access_token), 'carol');
  });

  it('shows the credential and the flow, and no secret', async () => {
    await admin.goto(`${services.console}/credentials`);
    await admin.getByRole('link', { name: 'carol@people.example' }).click();
    assert.match(await fact(admin, 'Provider').textContent(), /Front Door/);
    await row(admin, 'access_token').getByText('***********').waitFor();
    await row(admin, 'subject').getByText('carol').waitFor();
    await admin.goto(`${services.console}/flow-log`);
    await row(admin, 'carol@people.example').getByText('Connected').waitFor();
  });

  it('connects where the answer comes as a form from another site', async () => {
    const { page, state, arrived } = await setOut(FORM, 'by form');
    const callbacks = [];
    page.on('request', (request) => {
      if (request.url().includes('/link/oauth2/callback/')) callbacks.push(request);
    });
    await logIn(page, 'dave');
    await consent(page);
    const answer = await arrived;
    // The form comes without our cookie, as SameSite=Lax has it; the GET that follows brings it.
    const [post, get, ...more] = callbacks;
    assert.deepEqual([post.method(), get.method(), more.length], ['POST', 'GET', 0]);
    assert.equal((await post.allHeaders()).cookie, undefined);
    assert.match((await get.allHeaders()).cookie, /keyway-flow-/);
    assert.deepEqual([...new URL(get.url()).searchParams.keys()], ['state']);
    const { status, body } = await redeem(FORM, answer.searchParams.get('code'));
    assert.equal(status, 200, JSON.stringify(body));
    assertSeedShape(body, FORM, { state, subject: 'dave' });
  });

  for (const provider of [DOOR, FORM]) {
    it(`tells the client of a refusal at ${provider.name}`, async () => {
      const { page, state, arrived } = await setOut(provider, 'refused');
      await logIn(page, 'erin');
      await page.getByRole('heading', { name: 'Authorize' }).waitFor();
      await cancel(page);
      const answer = (await arrived).searchParams;
      assert.deepEqual([...answer.keys()], ['error', 'error_description', 'state']);
      assert.equal(answer.get('error'), 'access_denied');
      assert.equal(answer.get('state'), state);
      await admin.goto(`${services.console}/flow-log`);
      await row(admin, 'Failed').filter({ hasText: provider.name }).getByRole('link').first().click();
      await admin.getByText('End-User aborted interaction').waitFor();
    });
  }

  it('keeps two flows of one browser apart, finished in reverse order', async () => {
    const first = await setOut(DOOR, 'first');
    const second = await setOut(DOOR, 'second', { newcomer: false });
    for (const flow of [second, first]) {
      const { page, state } = flow;
      await logIn(page, 'frank');
      await consent(page);
      const answer = (await flow.arrived).searchParams;
      assert.equal(answer.get('state'), state);
      flow.code = answer.get('code');
    }
    assert.notEqual(first.code, second.code);
    const credentials = [];
    for (const { code, state } of [first, second]) {
      const { status, body } = await redeem(DOOR, code);
      assert.deepEqual([status, body.state], [200, state]);
      credentials.push(body.credential.id);
    }
    // One external account, one credential.
    assert.equal(credentials[0], credentials[1]);
    assert.deepEqual((await endUser.cookies()).filter(({ name }) => name.includes('keyway-flow-')), []);
  });

  it('takes a code once', async () => {
    const { page, arrived } = await setOut(DOOR, 'twice');
    await logIn(page, 'grace');
    await consent(page);
    const code = (await arrived).searchParams.get('code');
    assert.equal((await redeem(DOOR, code)).status, 200);
    const { status, body } = await redeem(DOOR, code);
    assert.deepEqual([status, body.error], [400, 'invalid_grant']);
  });
});

/** Opens the start link that the console shows, with a state, as somebody whom nobody knows yet. */
async function setOut(provider, state, { newcomer = true } = {}) {
  if (newcomer) await endUser.clearCookies();
  await admin.goto(`${services.console}/oauth-apps/${apps[provider.slug].id}`);
  const link = new URL(await admin.locator('#start-1').textContent());
  link.searchParams.set('state', state);
  const page = await endUser.newPage();
  const arrived = leads(page, 'https://app.example/');
  const asked = leads(page, `${server.issuer}/auth?`);
  await page.goto(link.href);
  return { page, state, arrived, asked };
}

/** The token request, as the documentation's example does it. */
async function redeem(provider, code) {
  const { id, clientSecret } = apps[provider.slug];
  const data = JSON.stringify({ code, client_id: id, client_secret: clientSecret }, null, 2);
  const { stdout } = await run('curl', [
    `${services.gateway}/link/oauth2/token`,
    ...['--json', data],
    ...['--silent', '--show-error', '--write-out', '\n%{http_code}'],
  ]);
  const [body, status] = stdout.split('\n');
  return { status: Number(status), body: JSON.parse(body) };
}

/** The shape of the documentation's example, field by field. */
function assertSeedShape(body, provider, { state, subject }) {
  assert.deepEqual(Object.keys(body).sort(), ['credential', 'state']);
  assert.equal(body.state, state);
  const { id, oauth_app_id: app, properties, ...rest } = body.credential;
  assert.deepEqual(rest, {});
  assert.match(id, /^[0-9a-f-]{36}$/);
  assert.equal(app, apps[provider.slug].id);
  const { kind, access_token: token, refresh_token: refresh, scope, expires_at: ends, ...own } = properties;
  assert.equal(kind, provider.kind);
  assert.ok(token.length > 20 && refresh.length > 20);
  assert.deepEqual(scope.split(' ').sort(), ['email', 'offline_access', 'openid']);
  assert.ok(Date.parse(ends) > Date.now());
  assert.deepEqual(own, { subject, email: `${subject}@people.example` });
}

/** Whose token it is, as the server says. */
async function userInfo(token) {
  const headers = { authorization: `Bearer ${token}` };
  return (await (await fetch(`http://${server.address}/me`, { headers })).json()).sub;
}
