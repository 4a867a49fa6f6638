// Programs under test: the real binaries, each in a process group of its own.

import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { appendFileSync, mkdirSync } from 'node:fs';
import { mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { onCleanUp } from './cleanup.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LOGS = join(ROOT, 'e2e/.work');
const PATIENCE = 30_000;

/** One of Cargo's programs, such as `keyway`. */
export function binary(name) {
  return join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'debug', name);
}

const reaper = spawn('sh', [join(ROOT, 'e2e/helpers/reaper.sh')], {
  detached: true,
  // It keeps standard error, so that the test runner waits until it is done.
  stdio: ['pipe', 'ignore', 'inherit'],
});
reaper.unref();
reaper.stdin.unref();

// A test process whose runner was killed has nobody to report to.
const runner = process.ppid;
setInterval(() => process.ppid === runner || process.exit(1), 500).unref();

/** A directory that goes when the test process ends. */
export async function temporaryDirectory() {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'keyway-e2e-')));
  reaper.stdin.write(`made ${directory}\n`);
  return directory;
}

/** The environment without the Keyway settings of whoever runs the tests. */
function environment(changes) {
  const foreign = ([name]) => name.startsWith('KEYWAY_') && name !== 'KEYWAY_PG_BIN';
  const plain = Object.entries(process.env).filter((entry) => !foreign(entry));
  return { ...Object.fromEntries(plain), ...changes };
}

/** A program that runs. */
export class Program extends EventEmitter {
  stdout = '';
  stderr = '';

  constructor(path, args, { env = {}, input = '', cwd } = {}) {
    super();
    this.name = basename(path);
    this.child = spawn(path, args, { detached: true, cwd, env: environment(env) });
    this.pid = this.child.pid;
    if (this.pid) reaper.stdin.write(`started ${this.pid}\n`);
    for (const stream of ['stdout', 'stderr']) {
      this.child[stream].setEncoding('utf8').on('data', (text) => this.#heard(stream, text));
    }
    this.child.stdin.on('error', () => {}).end(input);
    this.exit = this.#exit();
    this.exit.catch(() => {});
    onCleanUp(() => this.#finish());
  }

  async #exit() {
    const [code, signal] = await once(this.child, 'close');
    reaper.stdin.write(`ended ${this.pid}\n`);
    this.ended = { code, signal };
    this.emit('news');
    return this.ended;
  }

  #heard(stream, text) {
    this[stream] += text;
    keepLog(this.name, text);
    this.emit('news');
  }

  /** Waits until the program has printed this, on either stream. */
  async prints(pattern, patience = PATIENCE) {
    const late = AbortSignal.timeout(patience);
    const why = (what) => new Error(`${this.name} ${what} ${pattern}:\n${this.stdout}${this.stderr}`);
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match) return match;
      if (this.ended) throw why(`ended (${JSON.stringify(this.ended)}) without printing`);
      await once(this, 'news', { signal: late }).catch(() => {
        throw why(`did not print in ${patience} ms`);
      });
    }
  }

  /** Sends a signal to the program alone. */
  kill(signal) {
    process.kill(this.pid, signal);
  }

  /** What Ctrl-C in a terminal does: SIGINT to the program and all that it started in its group. */
  interrupt() {
    process.kill(-this.pid, 'SIGINT');
  }

  /** Waits for the end, at most so long; then the program is killed. */
  async end(patience = PATIENCE) {
    const timer = setTimeout(() => this.kill('SIGKILL'), patience);
    const ended = await this.exit;
    clearTimeout(timer);
    return ended;
  }

  /** A program that still runs when the journey is over must end of itself, and well. */
  async #finish() {
    if (this.ended) return;
    const { code, signal } = await this.stop();
    if (code !== 0) throw new Error(`${this.name} ended with ${code ?? signal}:\n${this.stderr}`);
  }

  /** Stops it as a service manager does, and tells how it ended. */
  async stop() {
    if (!this.ended) this.kill('SIGTERM');
    return this.end();
  }
}

/** Runs a program to its end. */
export async function run(path, args, options) {
  const program = new Program(path, args, options);
  const { code } = await program.end();
  return { code, stdout: program.stdout, stderr: program.stderr };
}

/** The same; anything but success is an error. */
export async function succeed(path, args, options) {
  const { code, stdout, stderr } = await run(path, args, options);
  if (code !== 0) throw new Error(`${basename(path)} ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** What every program printed is kept in e2e/.work, by test file, for whoever looks for a fault. */
function keepLog(name, text) {
  mkdirSync(LOGS, { recursive: true });
  appendFileSync(join(LOGS, `${basename(process.argv[1], '.js')}.${name}.log`), text);
}
