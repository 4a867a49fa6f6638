// A person without a mouse.

import assert from 'node:assert/strict';

/** Presses Tab until this has the focus; wherever it stops on the way, the focus must be seen. */
export async function tabTo(page, locator) {
  const seen = [];
  for (let stops = 0; stops < 60; stops++) {
    await page.keyboard.press('Tab');
    const stop = await focused(page);
    seen.push(stop.name);
    assert.ok(stop.outline >= 2 || stop.name === '', `the focus is not seen on ${stop.name}`);
    if (await locator.evaluate((element) => element === document.activeElement)) return;
  }
  assert.fail(`Tab does not come to ${locator}: ${seen.join(', ')}`);
}

/** What has the focus, and how thick the line round it is. */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const isPage = element === document.body;
    return {
      name: isPage ? '' : `${element.localName} ${element.id || element.textContent.trim()}`,
      outline: outlineStyle === 'none' ? 0 : parseFloat(outlineWidth),
    };
  });
}
