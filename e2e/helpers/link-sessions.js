// What a client backend does with link sessions, by curl as the documentation has it.

import { run } from './processes.js';

/** An API token that may make them. */
export async function linkSessionToken(keyway, account) {
  const what = ['--account', account, '--name', 'link sessions', '--scopes', 'link_sessions:write'];
  return JSON.parse(await keyway(['api-tokens', 'create', ...what, '--json'])).token;
}

/** Makes one. */
export async function makeLinkSession({ gateway, token }, body) {
  return curl(token, [`${gateway}/v1/link-sessions`, '--json', JSON.stringify(body)]);
}

/** What became of it. */
export async function showLinkSession({ gateway, token }, id) {
  return curl(token, [`${gateway}/v1/link-sessions/${id}`]);
}

async function curl(token, args) {
  const always = ['--silent', '--show-error', '--fail-with-body', '--header', `Authorization: Bearer ${token}`];
  const { stdout } = await run('curl', [...always, ...args]);
  return JSON.parse(stdout);
}

/** From the session's page to the sample provider, and back with this answer. */
export async function throughSession(page, url, { answer = 'Allow', workspace = 'Blue Bicycle Shop' } = {}) {
  await page.goto(url);
  await page.getByRole('button', { name: /^(Continue to )?Sample$/ }).click();
  await page.getByLabel('Workspace').selectOption(workspace);
  await page.getByRole('button', { name: answer }).click();
  await page.waitForLoadState('load');
}
