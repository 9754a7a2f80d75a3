// What all journeys in a browser need: the browser, a context that notices everything that must not happen, the findings.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const modules = process.env.BUCKETRY_TEST_NODE_MODULES;
const load = createRequire(join(modules, "x"));
const { chromium } = load("playwright-core");
const axeSource = readFileSync(join(modules, "axe-core/axe.min.js"), "utf8");

export const { URL_OF_SERVER: origin, EMAIL: email, PASSWORD: password, OUT: out } = process.env;
mkdirSync(out, { recursive: true });

/** What was found wrong. A journey succeeds if this stays empty. */
export const findings = [];

export function fail(where, what) {
  findings.push(`${where}: ${what}`);
}

export function check(where, isRight, what) {
  if (!isRight) fail(where, what);
}

export function launch(args = []) {
  const libraries = process.env.BUCKETRY_TEST_CHROMIUM_LIBRARIES;
  const env = libraries ? { ...process.env, LD_LIBRARY_PATH: libraries } : process.env;
  return chromium.launch({ executablePath: process.env.BUCKETRY_TEST_CHROMIUM, args: ["--no-sandbox", ...args], env });
}

/** A context whose pages report console messages, CSP reports, errors and requests to other hosts. */
export async function context(browser, options = {}) {
  const made = await browser.newContext({ baseURL: origin, timezoneId: "Europe/Berlin", locale: "en-GB", ...options });
  const own = options.baseURL ?? origin;
  made.on("page", (page) => watch(page, own));
  return made;
}

function watch(page, origin) {
  const where = () => new URL(page.url() === "about:blank" ? origin : page.url()).pathname;
  page.on("console", (message) => {
    if (page.expected?.test(message.text())) return;
    fail(where(), `the console has a message: ${message.text()}`);
  });
  page.on("pageerror", (error) => fail(where(), `a script failed: ${error.message}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(origin) && !request.url().startsWith("data:")) fail(where(), `a request to ${request.url()}`);
  });
}

export async function signIn(page, as = email, secret = password) {
  await page.goto("/ui/sign-in");
  await page.getByLabel("E-mail address").fill(as);
  await page.getByLabel("Password", { exact: true }).fill(secret);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.endsWith("/sign-in"));
}

let answers;

/** Has the test do something that a browser can't, such as stopping a server, and returns what it says. */
export async function ask(command) {
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log(`> ${command}`);
  const { value } = await answers.next();
  if (!value?.startsWith("done ")) throw new Error(`${command}: ${value}`);
  return value.slice("done ".length);
}

/** Runs named journeys, each of which may fail without ending the others. Returns those that succeeded. */
export async function journeys(browser, all) {
  const done = [];
  for (const [name, act] of Object.entries(all)) {
    const start = Date.now();
    try {
      await act();
      done.push(name);
    } catch (error) {
      fail(name, error.message.split("\n").slice(0, 4).join(" "));
    }
    console.log(`${name}: ${Date.now() - start} ms`);
    for (const one of browser.contexts()) await one.close();
  }
  return done;
}

/** What axe-core says about a page. The page's context must have `bypassCSP`. */
export async function axe(page, where) {
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    }),
  );
  for (const violation of violations) {
    const at = violation.nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary?.split("\n")[1] ?? ""}`);
    fail(where, `axe ${violation.id}: ${violation.help} (${at.join(" | ")})`);
  }
  return violations.length;
}

/** Prints the findings and what else was measured, and ends. */
export function finish(report) {
  console.log(JSON.stringify({ findings, ...report }));
  process.exit(0);
}
