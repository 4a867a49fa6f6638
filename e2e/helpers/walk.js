// The commands of a document, run by bash in their order, as a reader types them.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';

import { assertLike } from './document.js';
import { binary, run } from './processes.js';

/** Commands are run, answers are compared with; the test itself sees to the others. */
const LANGUAGES = ['sh', 'json', 'http', 'js'];
const KEEP = /[Kk]eep (`[\w.]+` as `[A-Z_]+`(?:,? and `[\w.]+` as `[A-Z_]+`)*)/g;
/** Each status on a line of standard error. */
const CURLRC = 'silent\nshow-error\nwrite-out = "%{stderr}%{http_code}\\n"\n';

/** A reader at a command line. What the text says to keep is a shell variable from then on. */
export class Walk {
  #steps = [];
  #next = 0;
  #current;

  constructor(blocks, { substitutions, directory, env }) {
    const unused = substitutions.filter(([from]) => !blocks.some(({ text }) => text.includes(from)));
    assert.deepEqual(unused, [], 'substitutions of what is not in the document');
    for (const { language, text, prose } of blocks) {
      assert.ok(LANGUAGES.includes(language), `a block in ${language || 'no language'}: ${text}`);
      const replaced = substitutions.reduce((text, [from, to]) => text.replaceAll(from, to), text);
      if (language === 'sh') this.#steps.push({ shown: text, command: replaced, prose, examples: [] });
      else if (language === 'json') this.#steps.at(-1).examples.push(JSON.parse(replaced));
      if (language !== 'sh' && this.#steps.length) this.#steps.at(-1).prose += prose;
    }
    this.directory = directory;
    const PATH = [dirname(binary('keyway')), process.env.PATH].join(delimiter);
    this.env = { ...env, PATH, CURL_HOME: directory };
  }

  /** The commands that were not run yet. */
  get rest() {
    return this.#steps.slice(this.#next).map(({ shown }) => shown);
  }

  /** Runs the next command of the document, which begins with this. */
  next(beginning) {
    const step = this.#steps[this.#next];
    assert.ok(step?.shown.startsWith(beginning), `the next command is ${step?.shown}, and not ${beginning}`);
    this.#next += 1;
    return this.#run(step);
  }

  /** Runs a command once more that was run before. */
  again(beginning) {
    const step = this.#steps.slice(0, this.#next).find(({ shown }) => shown.startsWith(beginning));
    assert.ok(step, `no command was ${beginning}`);
    return this.#run(step);
  }

  /** Keeps of an answer what the text after the current command says. */
  keep(answer) {
    for (const [, pairs] of this.#current.prose.matchAll(KEEP)) {
      for (const [, path, name] of pairs.matchAll(/`([\w.]+)` as `([A-Z_]+)`/g)) {
        const value = path.split('.').reduce((value, member) => value?.[member], answer);
        assert.equal(typeof value, 'string', `there is no ${path} in ${JSON.stringify(answer)}`);
        this.env[name] = value;
      }
    }
  }

  async #run(step) {
    this.#current = step;
    await writeFile(join(this.directory, '.curlrc'), CURLRC);
    const script = `set -aeuo pipefail\n${step.command}\nenv -0 >.environment`;
    const { code, stdout, stderr } = await run('bash', ['-c', script], { env: this.env, cwd: this.directory });
    assert.equal(code, 0, `${step.command}\n${stdout}${stderr}`);
    const left = await readFile(join(this.directory, '.environment'), 'utf8');
    this.env = Object.fromEntries(left.split('\0').filter(Boolean).map((line) => line.split(/=([\s\S]*)/, 2)));
    const status = Number(/^(\d{3})$/m.exec(stderr)?.[1]);
    const body = json(stdout);
    if (status < 300 && body) {
      for (const example of step.examples) assertLike(body, example);
      this.keep(body);
    }
    return { status, stdout, body };
  }
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
