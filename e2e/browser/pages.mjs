// Every page, in both themes, on a wide screen and a phone: accessible, silent, within its width, small.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { axe, check, context, fail, finish, launch, out, signIn } from "./browser.mjs";

/** The most bytes that a first visit may take, as sent. */
const MOST_BYTES = 100_000;
const SIZES = [
  { name: "1280", width: 1280, height: 800 },
  { name: "390", width: 390, height: 844 },
];
/** By name, the path, and perhaps what to click before looking. */
const PAGES = Object.fromEntries(
  Object.entries(JSON.parse(process.env.PAGES)).map(([title, page]) => [title, typeof page === "string" ? { path: page } : page]),
);
const report = { pages: {}, axe: 0 };

const browser = await launch();
const first = await context(browser);
const entrance = await first.newPage();
await look(entrance, "sign-in", { path: "/ui/sign-in" }, "light-1280");
await signIn(entrance);
const storageState = await first.storageState();
await first.close();

for (const colorScheme of ["light", "dark"]) {
  for (const { name, width, height } of SIZES) {
    const inner = await context(browser, { storageState, colorScheme, viewport: { width, height } });
    const page = await inner.newPage();
    for (const [title, entry] of Object.entries(PAGES)) await look(page, title, entry, `${colorScheme}-${name}`);
    await inner.close();
    // axe needs a script that the pages' policy refuses.
    const open = await context(browser, { storageState, colorScheme, viewport: { width, height }, bypassCSP: true });
    const inspected = await open.newPage();
    for (const [title, entry] of Object.entries(PAGES)) {
      await openPage(inspected, entry);
      report.axe += await axe(inspected, `${title} ${colorScheme} ${name}`);
    }
    await open.close();
  }
}
for (const [title, entry] of Object.entries(PAGES)) {
  await measure(title, entry);
  await narrow(title, entry);
  await stops(title, entry);
}
await browser.close();
writeFileSync(join(out, `sizes${process.env.SIZES ? `-${process.env.SIZES}` : ""}.json`), JSON.stringify(report.pages, null, 2));
finish(report);

async function openPage(page, { path, click }, waitUntil = "load") {
  const response = await page.goto(path, { waitUntil });
  if (click) await page.locator(click).first().click();
  return response;
}

async function look(page, title, entry, as) {
  const response = await openPage(page, entry, "networkidle");
  check(title, response.status() === 200, `status ${response.status()}`);
  // Texts that other parts of the program write have times, too. Settings to paste may have some.
  const times = await page.evaluate(() => {
    const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
    const found = [];
    while (texts.nextNode()) {
      const { data, parentElement } = texts.currentNode;
      if (/\d-\d\dT\d\d:\d\d/.test(data) && !parentElement.closest("pre, code")) found.push(data.trim());
    }
    return found;
  });
  check(title, times.length === 0, `times are not as people read them: ${times}`);
  await page.screenshot({ path: join(out, `${title}-${as}.png`), fullPage: true });
}

/** How many bytes a first visit takes, as sent. */
async function measure(title, entry) {
  const fresh = await context(browser, { storageState });
  const page = await fresh.newPage();
  const sizes = [];
  page.on("requestfinished", (request) => sizes.push(request.sizes()));
  await openPage(page, entry, "networkidle");
  const all = await Promise.all(sizes);
  const bytes = all.reduce((sum, size) => sum + size.responseBodySize + size.responseHeadersSize, 0);
  report.pages[title] = { bytes, requests: all.length };
  check(title, bytes < MOST_BYTES, `a first visit takes ${bytes} bytes`);
  await fresh.close();
}

/** Nothing may be wider than the narrowest phone. */
async function narrow(title, entry) {
  const small = await context(browser, { storageState, viewport: { width: 320, height: 640 } });
  const page = await small.newPage();
  await openPage(page, entry);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (width > 320) {
    const widest = await page.evaluate(() => {
      const all = [...document.querySelectorAll("main *")].filter((one) => one.getBoundingClientRect().right > 321);
      return all.slice(0, 3).map((one) => `${one.tagName}.${one.className}`).join(", ");
    });
    fail(title, `at 320 px it is ${width} px wide: ${widest}`);
  }
  await small.close();
}

/** Every stop of the Tab key shows where the focus is. */
async function stops(title, entry) {
  const inner = await context(browser, { storageState });
  const page = await inner.newPage();
  await openPage(page, entry);
  for (let stop = 0; stop < 60; stop += 1) {
    await page.keyboard.press("Tab");
    const seen = await page.evaluate(() => {
      let element = document.activeElement;
      if (!element || element === document.body) return null;
      const name = `${element.tagName} ${element.id || element.textContent.trim().slice(0, 30)}`;
      for (let level = 0; element && level < 3; level += 1, element = element.parentElement) {
        const style = getComputedStyle(element);
        if (style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0) return { name, isVisible: true };
      }
      return { name, isVisible: false };
    });
    if (!seen) break;
    check(title, seen.isVisible, `the focus is not visible at ${seen.name}`);
  }
  await inner.close();
}
