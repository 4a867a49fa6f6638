// A real browser, and a watch over what it does.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

import { chromium } from 'playwright-core';

import { onCleanUp } from './cleanup.js';
import { Watch } from './watch.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Whatever a page asks for, the browser never leaves this machine.
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
];

/** Starts the browser that is installed. Playwright leaves out the sandbox, which root cannot have. */
export async function launch() {
  // Playwright would catch the signals that end us, and we would not end.
  const signals = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
  const browser = await chromium.launch({ executablePath: find(), args: FLAGS, ...signals });
  onCleanUp(() => browser.close());
  return browser;
}

/** A browser of its own for one person: no cookies yet. Its `watch` sees all it does. */
export async function visitor(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    // Without transitions, what is seen and measured is what the page comes to.
    reducedMotion: 'reduce',
    locale: 'en-GB',
    timezoneId: 'UTC',
    ...options,
  });
  context.setDefaultTimeout(30_000);
  context.watch = new Watch(context);
  return context;
}

function find() {
  const places = process.env.PATH.split(delimiter).flatMap((directory) => NAMES.map((name) => join(directory, name)));
  const found = places.find(isProgram);
  if (!found) throw new Error(`none of ${NAMES.join(', ')} is on PATH: script/setup test installs one`);
  return found;
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
