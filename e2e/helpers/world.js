// An installation to look at: one account in full use, others at their beginning.

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { signIn } from './admin.js';
import { launch, visitor } from './browser.js';
import { createDatabase } from './database.js';
import { startDev } from './dev.js';
import { CLIENT, redeem, startLink, throughSample } from './flows.js';
import { linkSessionToken } from './link-sessions.js';
import { freePorts } from './ports.js';
import { succeed, temporaryDirectory } from './processes.js';
import { startServices } from './services.js';

export const PASSWORD = 'four words in a row';
const ACCOUNTS = { filled: 'Acme', empty: 'New Team', half: 'Halfway' };
const LONG = 'A name that goes on and on, as names do when many hands have given them, one after the other';

/** Starts all of it. `before` is a second installation, in which nobody can sign in yet. */
export async function startWorld() {
  const directory = await temporaryDirectory();
  await mkdir(join(directory, 'providers'));
  await writeFile(join(directory, 'providers/regional.toml'), REGIONAL);
  const [database, port, before] = await Promise.all([createDatabase(), freePorts(4), startServices()]);
  const dev = await startDev(directory, port, { KEYWAY_DATABASE_URL: database });
  const browser = await launch();
  const world = { ...dev, database, before, browser, directory, keyway: operator(dev), admins: {} };
  await fill(world);
  return world;
}

/** A page for each account's admin, who is signed in, and one for nobody: by the account's state. */
export async function deskPages(world) {
  const pages = { null: await (await visitor(world.browser)).newPage() };
  for (const state of Object.keys(world.admins)) pages[state] = await deskPage(world, state);
  return pages;
}

async function deskPage(world, state) {
  const page = await (await visitor(world.browser)).newPage();
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
    world.admins[state] = `admin@${state}.example`;
    const email = ['--email', world.admins[state], '--password-stdin'];
    await world.keyway(['admins', 'create', '--account', name, ...email], PASSWORD);
  }
  const { client_secret: sampleSecret } = await sample(world.directory);
  world.apps = {
    sample: await register(world, 'acme', 'sample', 'Acme for Sample', 'sample-client', sampleSecret),
    shopify: await register(world, 'acme', 'shopify', 'Acme for shops', 'shopify-client'),
    regional: await register(world, 'acme', 'regional', 'Acme by region', 'regional-client'),
    long: await register(world, 'acme', 'salesforce', LONG, `long-${'0123456789'.repeat(12)}`),
    half: await register(world, 'halfway', 'linear', 'Halfway to Linear', 'linear-client'),
  };
  for (const uri of [`${CLIENT}/:provider`, `https://app.example/${'a-long-way/'.repeat(9)}:provider?region=eu`]) {
    await world.keyway(['redirect-uris', 'add', '--account', 'acme', uri]);
  }
  world.token = await linkSessionToken(world.keyway, 'acme');
  await walk(world);
}

/** The secret that the sample provider knows, as `keyway dev` keeps it. */
async function sample(directory) {
  const text = await readFile(join(directory, 'sample.toml'), 'utf8');
  return Object.fromEntries([...text.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, name, value]) => [name, value]));
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
  for (const workspace of ['Blue Bicycle Shop', 'Green Garden Centre']) {
    const answer = await throughSample(context, link('sample', 'sample', { state: 'customer-7' }), { workspace });
    await redeem(gateway, apps.sample, answer.get('code'));
  }
  await throughSample(context, link('sample', 'sample'), { answer: 'Deny' });
  await page.goto(link('sample', 'sample', { redirect_uri: `${CLIENT}/elsewhere` }));
  await page.goto(link('shopify', 'shopify'));
  await failExchange(world, context, link('sample', 'sample'));
  await context.close();
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
`;
