// docs/API.md as a newcomer reads it: each of its commands, in order, by bash and curl, until all has
// moved to another Keyway.

import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { launch, visitor } from '../helpers/browser.js';
import { cleanUp } from '../helpers/cleanup.js';
import { createDatabase, sql } from '../helpers/database.js';
import { devFile, startDev } from '../helpers/dev.js';
import { assertLike, documented, named, readBlocks } from '../helpers/document.js';
import { throughSample } from '../helpers/flows.js';
import { throughSession } from '../helpers/link-sessions.js';
import { freePorts } from '../helpers/ports.js';
import { run, succeed, temporaryDirectory } from '../helpers/processes.js';
import { startReceiver } from '../helpers/receiver.js';
import { startServices } from '../helpers/services.js';
import { until } from '../helpers/until.js';
import { Walk } from '../helpers/walk.js';

const DOCUMENT = fileURLToPath(new URL('../../docs/API.md', import.meta.url));
const E2E = fileURLToPath(new URL('..', import.meta.url));
const BLUE = { id: 'ws_1', name: 'Blue Bicycle Shop' };
const GREEN = { id: 'ws_2', name: 'Green Garden Centre' };
const MASK = '***********';

/** What the document says, and what a reader puts in its place. First those that others are part of. */
const substitutions = ({ dev, secret, receiver }) => [
  ['https://keyway.example.com', dev.gateway],
  ['https://example.com/webhooks/keyway', `${receiver}/webhooks/keyway`],
  ['the provider’s client id', 'sample-client'],
  ['the provider’s client secret', secret],
  // The sample provider in place of Linear: it has one call, and no GraphQL.
  ['https://api.linear.app/graphql', `${dev.provider}/me`],
  ['/graphql', '/me'],
  [` \\\n  --json '{"query": "{ viewer { id } }"}'`, ''],
  ['linear_org_id', 'workspace_id'],
  ['linear_org_name', 'workspace_name'],
  ['linear', 'sample'],
];

/** Answered to providers, and to nobody who reads the document. */
const NOT_FOR_CLIENTS = ['GET /link/oauth2/callback/{}', 'POST /link/oauth2/callback/{}', 'GET /link/oauth2/jwks/{}'];

let blocks, dev, fresh, directory, database, sample, browser, walk;
const deliveries = [];

describe('the walk of docs/API.md', () => {
  before(async () => {
    [directory, database, browser, blocks] = await Promise.all([temporaryDirectory(), createDatabase(), launch(), readBlocks(DOCUMENT)]);
    // Any port of this machine: the sample provider, and the webhooks' receiver.
    const outbound = { KEYWAY_DATABASE_URL: database, KEYWAY_OUTBOUND_ALLOW: '127.0.0.1' };
    dev = await startDev(directory, await freePorts(4), outbound);
    sample = { id: 'sample-client', secret: (await devFile(join(directory, 'sample.toml'))).client_secret };
    const receiver = await startReceiver((path, body, headers) => {
      deliveries.push({ path, body, headers });
      return 204;
    });
    const [program, ...config] = [dev.program.child.spawnfile, ...dev.command.slice(1, 3)];
    await makeAccount((args, input) => succeed(program, [...config, ...args], { input }));
    const settings = Object.entries(await devFile(join(directory, 'keyway.toml')));
    const env = Object.fromEntries(settings.map(([name, value]) => [`KEYWAY_${name.toUpperCase()}`, value]));
    const table = substitutions({ dev, secret: sample.secret, receiver });
    walk = new Walk(blocks, { substitutions: table, directory: await temporaryDirectory(), env });
  });

  after(cleanUp);

  it('makes an API token', async () => {
    const { stdout } = await walk.next('keyway api-tokens create');
    walk.env.TOKEN = /^kw_\S+$/m.exec(stdout)[0];
    await walk.next('KEYWAY=');
    assert.equal(walk.env.KEYWAY, dev.gateway);
  });

  it('names each endpoint of /openapi.json, and no other', async () => {
    const { paths } = await (await fetch(`${dev.gateway}/openapi.json`)).json();
    const served = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, '{}')}`),
    );
    const wanted = served.filter((endpoint) => !endpoint.includes('/v1/proxy/') && !NOT_FOR_CLIENTS.includes(endpoint));
    assert.deepEqual(documented(blocks), wanted.sort());
  });

  it('registers an app and a redirect URI', async () => {
    const provider = await walk.next('curl $KEYWAY/v1/providers/linear');
    assert.equal(provider.status, 200);
    assert.equal(provider.body.callback_url, `${dev.gateway}/link/oauth2/callback/sample`);
    const app = await walk.next('curl $KEYWAY/v1/oauth-apps');
    assert.equal(app.status, 201);
    assert.equal(app.body.client_secret, MASK);
    assert.equal(walk.env.APP, app.body.id);
    const redirect = await walk.next('curl $KEYWAY/v1/redirect-uris');
    assert.equal(redirect.status, 201);
  });

  it('walks the flow, and exchanges the code', async () => {
    const { stdout: link } = await walk.next('echo "$KEYWAY/link/oauth2/start?');
    const arrived = await end(link.trim(), BLUE);
    assert.equal(arrived.state, 'anything');
    walk.keep(arrived);

    const made = await walk.next('curl $KEYWAY/v1/credentials/start-auth');
    assert.equal(made.status, 200);
    const refused = await end(made.body.start_url, BLUE, 'Deny');
    assert.equal(refused.error, 'access_denied');
    assert.deepEqual(JSON.parse(refused.state), { user: 7 });

    const redeemed = await walk.next('curl $KEYWAY/link/oauth2/token');
    assert.equal(redeemed.status, 200);
    assert.equal(redeemed.body.state, 'anything');
    assert.equal(redeemed.body.credential.properties.workspace_id, BLUE.id);
    assert.equal(redeemed.body.credential.oauth_app_id, walk.env.APP);
    const twice = await walk.again('curl $KEYWAY/link/oauth2/token');
    assert.deepEqual([twice.status, twice.body.error], [400, 'invalid_grant']);
  });

  it('is found by an OAuth library, and makes a secret for it', async () => {
    const found = await walk.next('curl "$KEYWAY/.well-known/oauth-authorization-server"');
    assert.deepEqual([found.status, found.body.issuer], [200, dev.gateway]);
    const set = await walk.next('curl --request PATCH --header "Authorization: Bearer $TOKEN" --json \'{"settings"');
    assert.deepEqual([set.status, set.body.settings.access_token], [200, 'gateway']);
    const made = await walk.next('curl --request POST --header "Authorization: Bearer $TOKEN" "$KEYWAY/v1/oauth-apps/$APP/client-secrets"');
    assert.equal(made.status, 201);
    assert.notEqual(made.body.client_secret, MASK);
  });

  it('connects by a link session', async () => {
    const made = await walk.next('curl $KEYWAY/v1/link-sessions ');
    assert.equal(made.status, 201);
    const page = await (await visitor(browser)).newPage();
    await throughSession(page, made.body.url, { workspace: GREEN.name });
    await page.getByRole('heading', { name: 'Connected' }).waitFor();
    await page.context().close();
    const found = await walk.next('curl $KEYWAY/v1/link-sessions/$SESSION');
    assert.deepEqual([found.status, found.body.status], [200, 'used']);
    assert.deepEqual(Object.keys(found.body).sort(), named(blocks, '/v1/link-sessions/$SESSION'));
  });

  it('lists and changes credentials', async () => {
    const listed = await walk.next('curl "$KEYWAY/v1/credentials?');
    assert.equal(listed.status, 200);
    const [green, ...more] = listed.body.data;
    assert.equal(more.length, 0);
    assert.equal(green.end_user.name, 'Ada Lovelace');
    assert.deepEqual([green.properties.workspace_id, green.properties.access_token], [GREEN.id, MASK]);
    const changed = await walk.next('curl --request PATCH $KEYWAY/v1/credentials/$CREDENTIAL');
    assert.deepEqual([changed.status, changed.body.name, changed.body.metadata], [200, 'Arrakis', { plan: 'large' }]);
  });

  it('gets a token that the provider takes', async () => {
    const got = await walk.next('curl $KEYWAY/v1/credentials/$CREDENTIAL/token');
    assert.equal(got.status, 200);
    assert.equal(got.body.access_token, got.body.properties.access_token);
    assert.ok(Date.parse(got.body.expires_at) > Date.now());
    const used = await walk.next('curl https://api.linear.app/graphql');
    assert.deepEqual([used.status, used.body], [200, { workspace: BLUE }]);
  });

  it('calls the provider through the proxy, with a token that it refuses too', async () => {
    const called = await walk.next('curl $KEYWAY/v1/proxy/credential/$CREDENTIAL/');
    assert.deepEqual([called.status, called.body], [200, { workspace: BLUE }]);
    await forget(walk.env.ACCESS_TOKEN);
    assert.equal((await walk.again('curl https://api.linear.app/graphql')).status, 401);
    const again = await walk.again('curl $KEYWAY/v1/proxy/credential/$CREDENTIAL/');
    assert.deepEqual([again.status, again.body], [200, { workspace: BLUE }]);
    // Not a second time within a minute: the provider's own answer comes back.
    await newToken();
    await forget(walk.env.ACCESS_TOKEN);
    const refused = await walk.again('curl $KEYWAY/v1/proxy/credential/$CREDENTIAL/');
    assert.deepEqual([refused.status, refused.body.error], [401, 'invalid_token']);
  });

  it('finds a token that works after a report, and refreshes by hand', async () => {
    await sql(database, "UPDATE grants SET refreshed_at = refreshed_at - interval '1 hour'");
    const reported = await walk.next('curl $KEYWAY/v1/credentials/$CREDENTIAL/report-unauthorized');
    assert.deepEqual([reported.status, reported.body.health.status], [200, 'ok']);
    await newToken();
    assert.equal((await walk.again('curl https://api.linear.app/graphql')).status, 200);

    const before = walk.env.ACCESS_TOKEN;
    const refreshed = await walk.next('curl --request POST $KEYWAY/v1/credentials/$CREDENTIAL/refresh');
    assert.equal(refreshed.status, 200);
    assert.deepEqual(Object.keys(refreshed.body).sort(), ['expires_at', 'health', 'id']);
    await newToken();
    assert.notEqual(walk.env.ACCESS_TOKEN, before);
    assert.equal((await walk.again('curl https://api.linear.app/graphql')).status, 200);
  });

  it('hears of a change by a webhook, and verifies it', async () => {
    const made = await walk.next('curl $KEYWAY/v1/webhooks ');
    assert.equal(made.status, 201);
    assert.match(walk.env.WEBHOOK_SECRET, /^whsec_/);
    assert.equal((await walk.again('curl --request PATCH $KEYWAY/v1/credentials/$CREDENTIAL')).status, 200);
    await until(() => deliveries.length, 'a delivery');
    const [delivery] = deliveries;
    assertAsShown(delivery);
    assert.equal(delivery.headers['webhook-id'], JSON.parse(delivery.body).data.event_id);
    assert.deepEqual(await verify(delivery), JSON.parse(delivery.body));
    await assert.rejects(verify({ ...delivery, body: delivery.body.replace('Arrakis', 'Caladan').replace('}', ' }') }), /signature/i);

    const of = async () => (await walk.again('curl $KEYWAY/v1/webhooks/$WEBHOOK/deliveries')).body.data[0];
    assert.equal((await walk.next('curl $KEYWAY/v1/webhooks/$WEBHOOK/deliveries')).status, 200);
    await until(async () => (await of()).state === 'delivered', 'the outcome');
    assert.deepEqual([(await of()).event_type, (await of()).last_status], ['credential.updated', 204]);
  });

  it('lists the events in their order, and goes on from there', async () => {
    const all = await walk.next('curl $KEYWAY/v1/events ');
    assert.equal(all.status, 200);
    const types = all.body.data.map(({ type }) => type);
    assert.equal(types[0], 'oauth_app.created');
    assert.equal(types.at(-1), 'credential.updated');
    assert.equal(types.filter((type) => type === 'credential.refreshed').length, 3);
    const later = await walk.next('curl "$KEYWAY/v1/events?cursor=$CURSOR"');
    assert.deepEqual([later.status, later.body.data], [200, []]);
  });

  it('imports a credential, and deletes it', async () => {
    const imported = await walk.next('curl $KEYWAY/v1/credentials ');
    assert.deepEqual([imported.status, imported.body.properties.access_token], [201, MASK]);
    assert.deepEqual([imported.body.name, imported.body.end_user.id], ['Caladan', 'user-8']);
    assert.equal((await walk.again('curl $KEYWAY/v1/credentials ')).status, 200);
    const deleted = await walk.next('curl --request DELETE $KEYWAY/v1/credentials/$IMPORTED');
    assert.deepEqual([deleted.status, deleted.body.deleted], [200, true]);
    assert.equal(deleted.body.revocation.outcome, 'revoked');
  });

  it('imports a connection of Nango', async () => {
    const { body } = await newToken();
    const { access_token, refresh_token, expires_at } = body.properties;
    const connection = {
      connection_id: 'arrakis',
      provider_config_key: 'sample',
      credentials: { type: 'OAUTH2', access_token, refresh_token, expires_at, raw: { access_token, refresh_token, scope: body.scope } },
      connection_config: {},
      metadata: { plan: 'large' },
    };
    await writeFile(join(walk.directory, 'connections.json'), JSON.stringify(connection));
    const { stdout } = await walk.next('keyway credentials import --account acme --oauth-app $APP --format nango');
    assert.match(stdout, /0 imported, 1 renewed, 0 failed/);
    const { body: kept } = await newToken();
    assert.equal(kept.access_token, access_token);
  });

  it('exports, is wiped, and imports: the same tokens work', async () => {
    await walk.next('curl $KEYWAY/v1/credentials/export');
    const lines = (await readFile(join(walk.directory, 'credentials.ndjson'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ properties }) => properties.workspace_id), [BLUE.id, GREEN.id]);
    for (const line of lines) assert.deepEqual(Object.keys(line).sort(), named(blocks, '/v1/credentials/export'));
    await walk.next('keyway credentials export');
    const [exported, file] = ['credentials.ndjson', 'acme.ndjson'].map((name) => join(walk.directory, name));
    assert.equal(await readFile(file, 'utf8'), await readFile(exported, 'utf8'));
    assert.equal((await stat(file)).mode & 0o777, 0o600);

    await wipe();
    await walk.again('keyway api-tokens create').then(({ stdout }) => (walk.env.TOKEN = /^kw_\S+$/m.exec(stdout)[0]));
    assert.deepEqual((await walk.again('curl "$KEYWAY/v1/credentials?')).body.data, []);
    assert.equal((await walk.again('curl $KEYWAY/v1/oauth-apps')).status, 201);
    const { stdout } = await walk.next('keyway credentials import --account acme --match-apps');
    assert.match(stdout, /2 imported, 0 renewed, 0 failed/);

    for (const [line, workspace] of [[lines[0], BLUE], [lines[1], GREEN]]) {
      walk.env.CREDENTIAL = await idOf(workspace);
      assert.notEqual(walk.env.CREDENTIAL, line.id);
      const { status, body } = await newToken();
      assert.equal(status, 200);
      assert.deepEqual(body.properties, line.properties);
      const used = await walk.again('curl https://api.linear.app/graphql');
      assert.deepEqual([used.status, used.body], [200, { workspace }]);
      const called = await walk.again('curl $KEYWAY/v1/proxy/credential/$CREDENTIAL/');
      assert.deepEqual([called.status, called.body], [200, { workspace }]);
      const refreshed = await walk.again('curl --request POST $KEYWAY/v1/credentials/$CREDENTIAL/refresh');
      assert.equal(refreshed.status, 200);
    }
    const [green] = (await walk.again('curl "$KEYWAY/v1/credentials?')).body.data;
    assert.deepEqual([green.end_user, green.metadata], [lines[1].end_user, { team: 7 }]);
  });

  it('is healthy, and every command of the document was run', async () => {
    assert.equal((await walk.next('curl $KEYWAY/health/ready')).status, 200);
    assert.deepEqual(walk.rest, []);
  });
});

function makeAccount(keyway) {
  const admin = ['--account', 'Acme', '--email', 'admin@acme.example', '--password-stdin'];
  return keyway(['admins', 'create', ...admin], 'four words in a row');
}

/** What arrives at the redirect URI when the end user has answered at the provider. */
async function end(link, workspace, answer = 'Allow') {
  const context = await visitor(browser);
  const client = 'https://example.com/oauth2/callback';
  const arrived = await throughSample(context, link, { answer, workspace: workspace.name, client });
  await context.close();
  return Object.fromEntries(arrived);
}

/** The access token as Keyway has it now, kept as the document says. */
function newToken() {
  return walk.again('curl $KEYWAY/v1/credentials/$CREDENTIAL/token');
}

/** The provider takes this token no longer. */
async function forget(token) {
  const authorization = `Basic ${Buffer.from(`${sample.id}:${sample.secret}`).toString('base64')}`;
  const request = { method: 'POST', headers: { authorization }, body: new URLSearchParams({ token }) };
  assert.equal((await fetch(`${dev.provider}/oauth/revoke`, request)).status, 200);
}

/** Nothing is left: the rows are gone, and another Keyway starts with its own database and keys. */
async function wipe() {
  await sql(database, 'TRUNCATE accounts CASCADE');
  assert.equal((await walk.again('curl "$KEYWAY/v1/credentials?')).status, 401);
  const definition = await readFile(join(directory, 'providers/sample.toml'), 'utf8');
  fresh = await startServices({ definitions: { sample: definition }, outbound: '127.0.0.1' });
  await makeAccount(fresh.keyway);
  Object.assign(walk.env, fresh.settings, { KEYWAY: fresh.gateway });
}

/** The credential of this workspace, at the Keyway that the walk is at. */
async function idOf(workspace) {
  const headers = { authorization: `Bearer ${walk.env.TOKEN}` };
  const { data } = await (await fetch(`${walk.env.KEYWAY}/v1/credentials`, { headers })).json();
  return data.find(({ properties }) => properties.workspace_id === workspace.id).id;
}

/** The document's own lines, in a program that has read a request. */
async function verify({ body, headers }) {
  const [imports, ...lines] = blocks.find(({ language }) => language === 'js').text.split('\n');
  const read = 'const { rawBody, request } = JSON.parse(readFileSync(0));';
  const program = ["import { readFileSync } from 'node:fs';", imports, read, ...lines, 'console.log(JSON.stringify(event));'];
  const { code, stdout, stderr } = await run('node', ['--input-type=module', '--eval', program.join('\n')], {
    cwd: E2E,
    env: { WEBHOOK_SECRET: walk.env.WEBHOOK_SECRET },
    input: JSON.stringify({ rawBody: body, request: { headers } }),
  });
  if (code !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** A delivery is as the document shows one. */
function assertAsShown({ path, body, headers }) {
  const [head, shown] = blocks.find(({ language }) => language === 'http').text.split('\n\n');
  const [request, ...lines] = head.split('\n');
  assert.equal(request, `POST ${path}`);
  for (const line of lines) assert.ok(headers[line.split(':')[0]], `no ${line}`);
  assert.equal(JSON.parse(body).type, JSON.parse(shown).type);
  assertLike(JSON.parse(body), JSON.parse(shown));
}
