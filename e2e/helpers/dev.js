// `keyway dev`, and what it prints.

import { readFile } from 'node:fs/promises';

import { Program, binary } from './processes.js';

/** Starts it, and waits until it says that it runs. */
export async function startDev(directory, port, env) {
  const program = dev(directory, port, env);
  const [, text] = await program.prints(/Keyway runs\.([\s\S]*)Ctrl-C stops everything/, 60_000);
  return { program, ...printed(text) };
}

/** Starts it, whatever becomes of it. */
export function dev(directory, port, env) {
  return new Program(binary('keyway'), ['dev', '--directory', directory, '--port', `${port}`], { env });
}

/** A small file of `keyway dev`, such as `sample.toml`: what the sample provider knows of its client. */
export async function devFile(path) {
  const text = await readFile(path, 'utf8');
  return Object.fromEntries([...text.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, name, value]) => [name, value]));
}

function printed(text) {
  const value = (label) => new RegExp(`^ *${label} +(.+)$`, 'm').exec(text)[1].trim();
  const [email, password] = value('sign in').split(' / ');
  return {
    gateway: value('Gateway'),
    console: value('Console'),
    provider: value('Sample provider'),
    client: value('Sample client'),
    link: /Click this[^\n]*\n\n +(\S+)/.exec(text)[1],
    command: value('Commands for this database:').split(' '),
    admin: { email, password },
  };
}
