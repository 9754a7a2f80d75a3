// What goes wrong on other people's machines: plain http on a host name, a proxy below a path, forms of other sites, the back
// button, two people who save at once, no scripts, odd names.
import http from "node:http";
import { ask, check, context, fail, finish, journeys, launch, signIn } from "./browser.mjs";
import { proxy } from "./proxy.mjs";

const { URL_OF_SERVER: server, REPOSITORY: repository, BUCKETS: buckets } = process.env;
const [first] = JSON.parse(buckets);
const browser = await launch(["--host-resolver-rules=MAP nas.local 127.0.0.1"]);
const SOON = { timeout: 30_000 };

/** A page with a key that was just created, and its secret. */
async function withNewKey(page, name) {
  await page.goto(`/ui/repositories/${repository}`);
  await page.getByLabel("Name of the key").fill(name);
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("heading", { name: "The key was created" }).waitFor();
  return page.locator("#secret").inputValue();
}

const done = await journeys(browser, {
  "plain http on a host name: forms, copying and live changes work": async () => {
    const baseURL = server.replace("127.0.0.1", "nas.local");
    const page = await (await context(browser, { baseURL })).newPage();
    page.expected = /Cross-Origin-Opener-Policy/;
    await signIn(page);
    const missing = await page.evaluate(() => [isSecureContext, "locks" in navigator, "clipboard" in navigator].join());
    check("plain http", missing === "false,false,false", `this is no plain http: ${missing}`);
    await page.locator("[data-live]").waitFor(SOON);
    const secret = await withNewKey(page, "plain");
    await page.locator("button[data-copy=secret]").click();
    await page.locator("button[data-copy=secret]", { hasText: "Copied" }).waitFor();
    await page.goto("/ui/buckets");
    await page.keyboard.press("/");
    await page.keyboard.press("ControlOrMeta+v");
    const pasted = await page.locator("#q").inputValue();
    check("copy", pasted === secret, `pasted ${pasted.length} characters instead of the secret`);
  },
  "the settings of each client have the new secret": async () => {
    const page = await (await context(browser)).newPage();
    await signIn(page);
    const secret = await withNewKey(page, "clients");
    for (const tool of ["aws", "boto3", "javascript", "rclone", "s5cmd"]) {
      const details = page.locator(`#client-${tool}`);
      if ((await details.getAttribute("open")) === null) await details.locator("summary").click();
      const text = await page.locator(`#settings-${tool}`).textContent();
      check(tool, text.includes(secret), "the secret is missing");
      check(tool, await page.locator(`#settings-${tool}`).isVisible(), "the settings are not visible");
    }
  },
  "behind a proxy below a path, everything stays below it": async () => {
    const front = await proxy({ prefix: "/storage" });
    front.target = await ask(`start ${front.url}`);
    const inner = await context(browser, { baseURL: front.url });
    const page = await inner.newPage();
    await page.goto(`${front.url}/ui/buckets`);
    await page.getByLabel("E-mail address").fill(process.env.EMAIL);
    await page.getByLabel("Password", { exact: true }).fill(process.env.PASSWORD);
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.waitForURL(`${front.url}/ui/buckets`);
    await page.locator("[data-live]").waitFor(SOON);
    await page.keyboard.press("g");
    await page.keyboard.press("s");
    await page.waitForURL(`${front.url}/ui/settings`);
    await page.locator("input[value=dark]").check();
    await page.getByLabel("First name").fill("Proxy");
    await page.getByRole("button", { name: "Save" }).first().click();
    await page.waitForURL(/\/storage\/ui\/settings\?done=names-changed/);
    for (const cookie of await inner.cookies()) check("cookie", cookie.path === "/storage/ui", `${cookie.name} is for ${cookie.path}`);
  },
  "a form of another site changes nothing": async () => {
    const evil = http.createServer((_, response) => {
      response.setHeader("content-type", "text/html");
      response.end(`<form method="post" action="${server}/ui/sign-out"></form><script>document.forms[0].submit()</script>`);
    });
    await new Promise((ready) => evil.listen(0, "127.0.0.1", ready));
    const inner = await browser.newContext({ baseURL: server });
    const page = await inner.newPage();
    await signIn(page);
    for (const host of ["localhost", "127.0.0.1"]) {
      // The form is sent before the page is complete.
      await page.goto(`http://${host}:${evil.address().port}/`).catch(() => {});
      await page.waitForURL(/sign-out|sign-in/, SOON);
      const text = await page.locator("main").textContent();
      // A browser doesn't send the cookie with a form of another site, or the server refuses the form.
      check(host, /did not come from this dashboard|Sign in/.test(text), text);
      await page.goto("/ui");
      check(host, new URL(page.url()).pathname === "/ui", "the other site has signed the user out");
    }
    evil.close();
  },
  "the back button shows no secret": async () => {
    const page = await (await context(browser)).newPage();
    page.expected = /ERR_CACHE_MISS|Failed to load/;
    await signIn(page);
    const secret = await withNewKey(page, "back");
    await page.getByRole("link", { name: "I have stored it" }).click();
    await page.waitForURL(new RegExp(`repositories/${repository}$`));
    // The browser refuses to send the form again without asking.
    await page.goBack({ waitUntil: "commit" }).catch(() => {});
    // Until the browser has decided what to show instead, there is no page to look at.
    let shown;
    for (let tries = 0; shown === undefined && tries < 20; tries += 1) {
      await page.waitForTimeout(250);
      shown = await page.evaluate(() => document.documentElement.innerHTML).catch(() => undefined);
    }
    check("back", shown !== undefined && !shown.includes(secret), "the secret is shown again");
  },
  "two people who save at once both see what the other did": async () => {
    const [one, other] = [await context(browser), await context(browser)];
    const [mine, theirs] = [await one.newPage(), await other.newPage()];
    mine.expected = /422/;
    for (const page of [mine, theirs]) {
      await signIn(page);
      await page.goto(`/ui/buckets/${first}/settings`);
    }
    await theirs.getByLabel("Name in Bucketry").fill("their name");
    await theirs.getByRole("button", { name: "Save" }).click();
    await theirs.waitForURL(/done=bucket-changed/, SOON);
    await mine.getByLabel("Name in Bucketry").fill("my name");
    await mine.getByRole("button", { name: "Save" }).click();
    const row = mine.getByRole("row", { name: /Name in Bucketry/ });
    await row.getByText("my name").waitFor(SOON);
    await row.getByText("their name").waitFor();
    check("input", (await mine.getByLabel("Name in Bucketry").inputValue()) === "my name", "the input is lost");
    await mine.getByRole("button", { name: "Save" }).click();
    await mine.waitForURL(/done=bucket-changed/, SOON);
  },
  "without scripts, selected buckets are checked, moved and removed": async () => {
    const page = await (await context(browser, { javaScriptEnabled: false })).newPage();
    await signIn(page);
    await page.goto("/ui/buckets?q=spare");
    for (const box of await page.getByRole("checkbox", { name: /^Select/ }).all()) await box.check();
    await page.getByRole("button", { name: "Check", exact: true }).click();
    await page.getByRole("heading", { name: /of 2 buckets passed/ }).waitFor(SOON);
    await page.getByRole("link", { name: "Back to the list" }).click();
    await page.waitForURL(/q=spare/);
    for (const box of await page.getByRole("checkbox", { name: /^Select/ }).all()) await box.check();
    await page.getByRole("button", { name: "Remove", exact: true }).click();
    await page.getByLabel("Type 2 to confirm").fill("2");
    await page.getByRole("button", { name: "Remove 2 buckets" }).click();
    await page.waitForURL(/q=spare&done=buckets-removed/);
    await page.getByText("Nothing found").waitFor();
  },
  "odd names stay within their places": async () => {
    const inner = await context(browser, { viewport: { width: 320, height: 640 } });
    const page = await inner.newPage();
    page.on("dialog", () => fail("names", "a name was run as a script"));
    await signIn(page);
    const paths = ["/ui", "/ui/buckets"];
    for (const id of JSON.parse(buckets)) for (const tab of ["", "/connect", "/settings"]) paths.push(`/ui/buckets/${id}${tab}`);
    for (const path of paths) {
      await page.goto(path);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      check(path, width <= 320, `it is ${width} px wide`);
    }
    await page.goto("/ui/buckets");
    // A name in another direction doesn't turn what is around it.
    const isolated = await page.locator("td.name a").first().evaluate((link) => getComputedStyle(link).unicodeBidi);
    check("names", isolated.includes("isolate"), `the direction of names is ${isolated}`);
  },
});
await browser.close();
finish({ journeys: done });
