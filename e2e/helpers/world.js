// An installation to look at: one account in full use, others at their beginning.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { addWebhook, signIn } from './admin.js';
import { launch, visitor } from './browser.js';
import { createDatabase, sql } from './database.js';
import { devFile, startDev } from './dev.js';
import { CLIENT, redeem, startLink, throughSample } from './flows.js';
import { linkSessionToken } from './link-sessions.js';
import { freePorts } from './ports.js';
import { succeed, temporaryDirectory } from './processes.js';
import { startReceiver } from './receiver.js';
import { startServices } from './services.js';
import { startSeveral } from './several.js';

export const PASSWORD = 'four words in a row';
const ACCOUNTS = { filled: 'Acme', empty: 'New Team', half: 'Halfway' };
const LONG = 'A name that goes on and on, as names do when many hands have given them, one after the other';

/** Starts all of it. `before` is a second installation, in which nobody can sign in yet. */
export async function startWorld() {
  const directory = await temporaryDirectory();
  await mkdir(join(directory, 'providers'));
  await writeFile(join(directory, 'providers/regional.toml'), REGIONAL);
  await writeFile(join(directory, 'providers/several.toml'), await startSeveral());
  const [database, port, before] = await Promise.all([createDatabase(), freePorts(4), startServices()]);
  // Any port of this machine: the sample provider, and the webhooks' receiver.
  const dev = await startDev(directory, port, { KEYWAY_DATABASE_URL: database, KEYWAY_OUTBOUND_ALLOW: '127.0.0.1' });
  const browser = await launch();
  const world = { ...dev, before, browser, database, directory, keyway: operator(dev), admins: {}, credentials: {} };
  await fill(world);
  return world;
}

/** A page for each account's admin, who is signed in, and one for nobody: by the account's state. */
export async function deskPages(world, options) {
  const pages = { null: await (await visitor(world.browser, options)).newPage() };
  for (const state of Object.keys(world.admins)) pages[state] = await deskPage(world, state, options);
  return pages;
}

async function deskPage(world, state, options) {
  const page = await (await visitor(world.browser, options)).newPage();
  await page.goto(world.console);
  await signIn(page, { email: world.admins[state], password: PASSWORD });
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return page;
}

/** The command that `keyway dev` prints, with other words after it. */
function operator({ command, program }) {
  const config = command.slice(1, 3);
  return (args, input) => succeed(program.child.spawnfile, [...config, ...args], { input });
}

async function fill(world) {
  for (const [state, name] of Object.entries(ACCOUNTS)) {
    world.admins[state] = `admin@${name.toLowerCase().replaceAll(' ', '-')}.example`;
    const email = ['--email', world.admins[state], '--password-stdin'];
    await world.keyway(['admins', 'create', '--account', name, ...email], PASSWORD);
  }
  await listen(world);
  const { client_secret: sampleSecret } = await devFile(join(world.directory, 'sample.toml'));
  world.apps = {
    sample: await register(world, 'acme', 'sample', 'Acme for Sample', 'sample-client', sampleSecret),
    shopify: await register(world, 'acme', 'shopify', 'Acme for shops', 'shopify-client'),
    regional: await register(world, 'acme', 'regional', 'Acme by region', 'regional-client'),
    sendgrid: await register(world, 'acme', 'sendgrid', 'Acme for SendGrid', 'sendgrid-client'),
    several: await register(world, 'acme', 'several', 'Acme for several', 'several-client'),
    long: await register(world, 'acme', 'salesforce', LONG, `long-${'0123456789'.repeat(12)}`),
    half: await register(world, 'halfway', 'linear', 'Halfway to Linear', 'linear-client'),
  };
  for (const uri of [`${CLIENT}/:provider`, `https://app.example/${'a-long-way/'.repeat(9)}:provider?region=eu`]) {
    await world.keyway(['redirect-uris', 'add', '--account', 'acme', uri]);
  }
  world.token = await linkSessionToken(world.keyway, 'acme');
  await walk(world);
}

/** Webhook endpoints: one that takes most of what comes, one that is gone, one of a long address. */
async function listen(world) {
  const receiver = await startReceiver();
  const desk = await deskPage(world, 'filled');
  world.webhooks = {
    works: await addWebhook(desk, world.console, { url: `${receiver}/hooks`, description: 'Billing, in staging' }),
    gone: await addWebhook(desk, world.console, { url: `${receiver}/gone` }),
    long: await addWebhook(desk, world.console, {
      url: `https://hooks.example/${'a-long-way/'.repeat(12)}?region=eu`,
      description: LONG,
      events: ['credential.refreshed', 'credential.deleted'],
    }),
  };
  await desk.context().close();
}

async function register(world, account, provider, name, clientId, clientSecret = 'secret') {
  const what = ['--account', account, '--provider', provider, '--name', name, '--client-id', clientId];
  const created = await world.keyway(['oauth-apps', 'create', ...what, '--client-secret-stdin', '--json'], clientSecret);
  return { id: JSON.parse(created).id, clientSecret };
}

/** Flows that end in every way. */
async function walk(world) {
  const { gateway, apps, browser } = world;
  const context = await visitor(browser);
  const page = await context.newPage();
  const link = (app, provider, more) => startLink(gateway, apps[app], provider, more);
  const connect = async (workspace) => {
    const answer = await throughSample(context, link('sample', 'sample', { state: 'customer-7' }), { workspace });
    return (await redeem(gateway, apps.sample, answer.get('code'))).credential.id;
  };
  world.credentials.deleted = await connect('Green Garden Centre');
  await deleteIt(world, world.credentials.deleted);
  world.credentials.blue = await connect('Blue Bicycle Shop');
  world.credentials.green = await connect('Green Garden Centre');
  await live(world);
  await throughSample(context, link('sample', 'sample'), { answer: 'Deny' });
  await page.goto(link('sample', 'sample', { redirect_uri: `${CLIENT}/elsewhere` }));
  await page.goto(link('shopify', 'shopify'));
  await failExchange(world, context, link('sample', 'sample'));
  await context.close();
}

/** Deletes a credential in the console, and waits until a gateway has done it. */
async function deleteIt(world, id) {
  const desk = await deskPage(world, 'filled');
  await desk.goto(`${world.console}/credentials/${id}/delete`);
  await desk.getByRole('button', { name: 'Delete' }).click();
  await desk.getByText('The provider has ended the grant.').waitFor();
  await desk.context().close();
}

/** What happens to credentials in months, put there by hand. */
async function live(world) {
  const { database, credentials } = world;
  Object.assign(credentials, {
    dead: '019f0000-0000-7000-8000-000000000001',
    shaky: '019f0000-0000-7000-8000-000000000002',
  });
  for (const [state, label] of [['dead', 'Red Rocket School'], ['shaky', `Workspace ${LONG}`]]) {
    await sql(database, `
      WITH copied AS (
        INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                            secret_names, sealed_secrets, variables, scope, expires_at, created_at)
        SELECT '${credentials[state]}', account_id, oauth_app_id, provider, kind, 'ws_${state}', '${label}', properties,
               secret_names, sealed_secrets, variables, scope, now() - interval '1 hour', now() - interval '40 days'
        FROM grants WHERE id = (SELECT grant_id FROM credentials WHERE id = '${credentials.green}')
        RETURNING *
      )
      INSERT INTO credentials (id, account_id, oauth_app_id, provider, kind, external_id, grant_id, health_at, created_at, updated_at)
      SELECT id, account_id, oauth_app_id, provider, kind, external_id, id, now() - interval '3 hours', created_at, now() - interval '3 hours'
      FROM copied`);
  }
  await ail(database, credentials.dead, 'error', 'The provider says that the grant is dead (invalid_grant). The end user must reconnect.');
  await ail(database, credentials.shaky, 'warn', 'The provider answered 503. Keyway tries again in 8 minutes.');
  await sql(database, `
    UPDATE credentials
    SET end_user_id = 'customer-${'0123456789'.repeat(8)}', end_user_name = 'Ada Lovelace', end_user_email = 'ada@rocket.example',
        metadata = '{"plan": "large", "regions": ["eu", "us"], "note": "${'a word and '.repeat(20)}"}'
    WHERE id = '${credentials.shaky}'`);
  const jobs = [['refresh', 12, 'done', null], ['revoke', 8, 'failed', 'The provider did not end the grant: the provider answered 503.'], ['refresh', 5, null, null]];
  for (const [kind, minutes, outcome, detail] of jobs) {
    const id = uuid(Date.now() - minutes * 60_000);
    const text = (value) => (value === null ? 'NULL' : `'${value}'`);
    await sql(database, `
      INSERT INTO jobs (id, account_id, kind, credential_id, admin_id, created_at, attempts, lease_id, leased_until, finished_at, outcome, detail)
      SELECT '${id}', account_id, '${kind}', id, gen_random_uuid(),
             now() - interval '${minutes} minutes', 1,
             CASE WHEN ${outcome === null} THEN gen_random_uuid() END,
             CASE WHEN ${outcome === null} THEN now() + interval '1 day' END,
             CASE WHEN ${outcome !== null} THEN now() - interval '${minutes - 1} minutes' END, ${text(outcome)}, ${text(detail)}
      FROM credentials WHERE id = '${credentials.shaky}'`);
  }
}

/** A version 7 UUID of this moment. */
function uuid(millis) {
  const hex = millis.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`;
}

/** Has a credential in this state of health, as a gateway writes it. */
function ail(database, id, status, note) {
  return sql(database, `
    WITH changed AS (
      UPDATE credentials SET health_status = '${status}', health_notes = jsonb_build_array('${note}')
      WHERE id = '${id}'
      RETURNING *
    )
    INSERT INTO events (id, account_id, kind, credential_id, oauth_app_id, data, created_at)
    SELECT gen_random_uuid(), account_id, kinds.kind, id, oauth_app_id,
           jsonb_build_object('health', jsonb_build_object('status', health_status, 'notes', health_notes)), now() - ago
    FROM changed, (VALUES ('credential.created', interval '20 days'), ('credential.refreshed', interval '2 days'),
                          ('credential.refresh_failed', interval '3 hours')) kinds (kind, ago)
    ORDER BY ago DESC`);
}

/** A flow that fails at the provider's token endpoint: the secret is wrong for a while. */
async function failExchange(world, context, link) {
  const desk = await deskPage(world, 'filled');
  desk.on('dialog', (dialog) => dialog.accept());
  const replace = async (secret) => {
    await desk.goto(`${world.console}/oauth-apps/${world.apps.sample.id}/secret`);
    await desk.getByLabel('New client secret').fill(secret);
    await desk.getByRole('button', { name: 'Replace' }).click();
    await desk.getByText('The client secret is replaced.').waitFor();
  };
  await replace('mistyped');
  await throughSample(context, link);
  await replace(world.apps.sample.clientSecret);
  await desk.context().close();
}

/** A provider whose question has a few answers. */
const REGIONAL = `
name = "Regional"
category = "development"
documentation = "https://www.rfc-editor.org/rfc/rfc6749"
checked = "2026-11-21"
certainty = "verified"
hosts = ["*.regional.example"]

[variables.region]
label = "Region"
help = "Where your organisation is hosted."
[[variables.region.choices]]
value = "eu"
label = "Europe"
set = { host = "eu.regional.example" }
[[variables.region.choices]]
value = "us"
label = "United States"
set = { host = "us.regional.example" }

[variables.team]
label = "Team"
help = "The name in your team's address."
example = "our-team"
pattern = '[a-z-]+'

[authorize]
url = "https://{host}/authorize"
pkce = "supported"
parameters = { team = "{team}" }

[token]
url = "https://{host}/token"
client_authentication = "post"

[credential]
kind = "regional_oauth2"
external_id = ["variable.team"]
[credential.properties]
access_token = { from = ["granted.access_token"], secret = true }
region = { from = ["variable.region"] }
team = { from = ["variable.team"] }
`;
