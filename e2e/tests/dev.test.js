// `keyway dev`: what a newcomer meets first, and what may go wrong with it.

import assert from 'node:assert/strict';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';

import { row, signIn } from '../helpers/admin.js';
import { launch, visitor } from '../helpers/browser.js';
import { cleanUp } from '../helpers/cleanup.js';
import { dev, startDev } from '../helpers/dev.js';
import { freePorts, isFree } from '../helpers/ports.js';
import { run, succeed, temporaryDirectory } from '../helpers/processes.js';
import { until } from '../helpers/until.js';

const PORTS = 4;
let browser, directory, port, keyway;

describe('keyway dev', () => {
  before(async () => {
    browser = await launch();
    directory = join(await temporaryDirectory(), '.keyway');
    port = await freePorts(PORTS);
    keyway = await startDev(directory, port);
  });

  after(cleanUp);

  it('prints where everything is', () => {
    const at = (offset) => `http://127.0.0.1:${port + offset}`;
    const { gateway, console, provider, client, link } = keyway;
    assert.deepEqual([gateway, console, provider, client], [0, 1, 2, 3].map(at));
    assert.equal(link, `${client}/`);
    assert.match(keyway.admin.password, /^\S{20}$/);
  });

  it('connects an account by the link that it prints', async () => {
    const page = await connect('Allow');
    await page.getByRole('heading', { name: 'Connected Blue Bicycle Shop' }).waitFor();
    const { oauth_app_id: app, properties } = JSON.parse(await page.locator('pre').textContent());
    assert.match(app, /^[0-9a-f-]{36}$/);
    assert.equal(properties.kind, 'sample_oauth2');
    assert.equal(properties.workspace_name, 'Blue Bicycle Shop');
    assert.match(properties.access_token, /^.{6}…$/);
  });

  it('tells the client when the end user declines', async () => {
    const page = await connect('Deny');
    await page.getByRole('heading', { name: 'Not connected' }).waitFor();
    await page.getByText('access_denied').waitFor();
  });

  it('shows the credential and both flows in the console, by the sign-in that it prints', async () => {
    const page = await openConsole();
    await page.goto(`${keyway.console}/credentials`);
    await page.getByRole('link', { name: 'Blue Bicycle Shop' }).click();
    await row(page, 'workspace_id').getByText('ws_1').waitFor();
    await page.goto(`${keyway.console}/flow-log`);
    await row(page, 'Blue Bicycle Shop').getByText('Connected').waitFor();
    await row(page, 'Failed').getByRole('link').click();
    await page.getByText('The end user declined.').waitFor();
  });

  it('finds its database by the command that it prints', async () => {
    const [, ...args] = keyway.command;
    const apps = JSON.parse(await succeed(keyway.program.child.spawnfile, [...args, '--json']));
    assert.deepEqual(apps.map(({ provider }) => provider), ['sample']);
  });

  it('says which port is in use, and starts nothing', async () => {
    const other = await temporaryDirectory();
    // The second of the four is taken: the console's.
    const said = await refusal(dev(join(other, '.keyway'), port - 1));
    assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port}\\b.*uses that port`));
    assert.match(said, /--port/);
    assert.deepEqual(await running(other), []);
  });

  it('says that another one has the directory', async () => {
    const said = await refusal(dev(directory, await freePorts(PORTS)));
    assert.match(said, /already in use.*another `keyway dev`/);
    assert.equal((await fetch(`${keyway.gateway}/health/ready`)).status, 200);
  });

  it('stops everything at Ctrl-C', async () => {
    keyway.program.interrupt();
    assert.deepEqual(await keyway.program.end(), { code: 0, signal: null });
    await assertNothingRuns();
  });

  it('starts again where it stopped', async () => {
    const before = keyway.admin;
    keyway = await startDev(directory, port);
    assert.deepEqual(keyway.admin, before);
    const page = await openConsole();
    await page.goto(`${keyway.console}/credentials`);
    await row(page, 'Blue Bicycle Shop').waitFor();
  });

  it('leaves nothing behind when it is killed, and starts again, on other ports too', async () => {
    const postgres = await postmaster();
    keyway.program.kill('SIGKILL');
    await keyway.program.end();
    // Elsewhere the kernel does not tell: there the next start cleans up.
    if (process.platform === 'linux') await until(() => !isAlive(postgres), 'Postgres to end', 10_000);
    port = await freePorts(PORTS);
    keyway = await startDev(directory, port);
    const page = await openConsole();
    await page.goto(`${keyway.console}/credentials`);
    await row(page, 'Blue Bicycle Shop').waitFor();
    await (await connect('Allow')).getByRole('heading', { name: 'Connected Blue Bicycle Shop' }).waitFor();
    assert.deepEqual(await keyway.program.stop(), { code: 0, signal: null });
    await assertNothingRuns();
  });

  it('says what is missing in a directory that is half made', async () => {
    for (const name of ['keyring.toml', 'public-keys.toml']) {
      const [path, aside] = [join(directory, name), join(directory, `${name}.aside`)];
      await rename(path, aside);
      const said = await refusal(dev(directory, port));
      assert.ok(said.includes(path), said);
      assert.match(said, /[Pp]ut .* back, or remove/);
      await rename(aside, path);
    }
    await assertNothingRuns();
  });

  it('says so when the directory is a file', async () => {
    const file = join(await temporaryDirectory(), '.keyway');
    await writeFile(file, '');
    const said = await refusal(dev(file, port));
    assert.ok(said.includes(`${file} is not a directory`) && said.includes('--directory'), said);
  });

  it('says so when there is no Postgres', async () => {
    const empty = await temporaryDirectory();
    const env = { PATH: empty, KEYWAY_PG_BIN: empty };
    const said = await refusal(dev(join(empty, '.keyway'), port, env));
    assert.ok(said.includes(empty) && said.includes('KEYWAY_PG_BIN'), said);
  });

  it('says so when the directory cannot be made', async () => {
    // Below a file nobody makes a directory, root neither.
    const file = join(await temporaryDirectory(), 'file');
    await writeFile(file, '');
    assert.match(await refusal(dev(join(file, '.keyway'), port)), /cannot make .*\.keyway/);
  });
});

/** From the sample client through Keyway to the sample provider, and back with this answer. */
async function connect(answer) {
  const page = await (await visitor(browser)).newPage();
  await page.goto(keyway.link);
  await page.getByRole('button', { name: 'Connect' }).click();
  await page.getByRole('heading', { name: 'Sample provider' }).waitFor();
  assert.ok(page.url().startsWith(`${keyway.provider}/oauth/authorize?`));
  await page.getByRole('button', { name: answer }).click();
  await page.waitForURL(`${keyway.client}/callback/sample?**`);
  return page;
}

async function openConsole() {
  const page = await (await visitor(browser)).newPage();
  await page.goto(keyway.console);
  await signIn(page, keyway.admin);
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  return page;
}

/** One sentence on standard error, and a failure's exit status. */
async function refusal(program) {
  assert.deepEqual(await program.end(), { code: 1, signal: null }, program.stdout);
  const lines = program.stderr.trim().split('\n').filter((line) => !/ INFO /.test(line));
  assert.equal(lines.length, 1, program.stderr);
  assert.match(lines[0], /^keyway: /);
  return lines[0];
}

async function assertNothingRuns() {
  for (let offset = 0; offset < PORTS; offset++) assert.ok(await isFree(port + offset), `port ${port + offset}`);
  assert.deepEqual(await running(directory), []);
}

/** Command lines in which this directory stands. */
async function running(directory) {
  const { stdout } = await run('ps', ['-A', '-o', 'args=']);
  return stdout.split('\n').filter((line) => line.includes(directory));
}

async function postmaster() {
  const [pid] = (await readFile(join(directory, 'postgres/postmaster.pid'), 'utf8')).split('\n');
  assert.ok(isAlive(Number(pid)));
  return Number(pid);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
