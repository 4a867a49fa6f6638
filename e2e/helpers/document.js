// What a document of ours shows: blocks of code, and the prose between them.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

const FENCED = /^```(\w*)\n([\s\S]*?)^```$/m;
/** What leaves something out in an example. */
const ELIDED = '…';

/** The fenced blocks of a document, each with the prose up to the next. */
export async function readBlocks(path) {
  const parts = (await readFile(path, 'utf8')).split(FENCED);
  const blocks = [];
  for (let at = 1; at < parts.length; at += 3) {
    blocks.push({ language: parts[at], text: parts[at + 1].trim(), prose: parts[at + 2] });
  }
  return blocks;
}

/** The same members, whatever their values; an example may leave some out and say so. */
export function assertLike(found, example, path = 'the answer') {
  if (found === null || example === null || typeof example !== 'object') return;
  if (Array.isArray(example)) {
    if (found.length && example.length) assertLike(found[0], example[0], `${path}[0]`);
    return;
  }
  const members = Object.keys(example).filter((name) => name !== ELIDED);
  const expected = ELIDED in example ? members.filter((name) => name in found) : Object.keys(found);
  assert.deepEqual(members.sort(), expected.sort(), `members of ${path}`);
  for (const name of members) assertLike(found[name], example[name], `${path}.${name}`);
}

/** The members of an answer, as the first sentence after a command names them. */
export function named(blocks, command) {
  const { prose } = blocks.find(({ text }) => text.includes(command));
  const [sentence] = prose.replace(/\([^)]*\)/g, '').split('. ');
  return [...sentence.matchAll(/`(\w+)`/g)].map(([, name]) => name).sort();
}

/** Each endpoint that the document names, in a sentence, a table or a command; but for the proxy's, which takes any verb. */
export function documented(blocks) {
  const named = blocks.flatMap(({ language, text, prose }) => [...inProse(prose), ...(language === 'sh' ? called(text) : [])]);
  const endpoints = named.map(([method, path]) => `${method} ${plain(path)}`);
  return [...new Set(endpoints)].filter((endpoint) => !endpoint.includes('/v1/proxy/')).sort();
}

function inProse(prose) {
  const found = prose.matchAll(/`(GET|POST|PATCH|DELETE) (\/(?:v1|link|oauth|userinfo|\.well-known)\b[^`\s?]*)`/g);
  return [...found].map(([, method, path]) => [method, path]);
}

function called(command) {
  const found = /\$KEYWAY(\/(?:v1|link|oauth|userinfo|\.well-known)\b[^\s"?]*)/.exec(command);
  if (!found) return [];
  const method = /--request (\w+)/.exec(command)?.[1] ?? (command.includes('--json') ? 'POST' : 'GET');
  return [[method, found[1]]];
}

/** The path with nothing where it names something. */
function plain(path) {
  return path.replaceAll(/\{\w+\}|\$[A-Z_]+|(?<=providers\/)linear/g, '{}');
}
