// What people do: sign in from a link, add a bucket by a paste, find out why one is down, be signed out elsewhere, work
// without scripts and by keyboard.
import { check, context, fail, finish, launch, signIn } from "./browser.mjs";

const { PASTE: paste, BUCKET: offline } = process.env;
const done = [];

const browser = await launch();
await journey("a link is opened after signing in", async () => {
  const page = await (await context(browser)).newPage();
  await page.goto("/ui/buckets?state=online");
  await page.getByLabel("E-mail address").fill(process.env.EMAIL);
  await page.getByLabel("Password", { exact: true }).fill(process.env.PASSWORD);
  await page.keyboard.press("Enter");
  await page.waitForURL(/state=online/);
});
await journey("a wrong password is said", async () => {
  const page = await (await context(browser)).newPage();
  page.expected = /422/;
  await page.goto("/ui/sign-in");
  await page.getByLabel("E-mail address").fill(process.env.EMAIL);
  await page.getByLabel("Password", { exact: true }).fill("Wrong-Horse-1");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("The password is wrong.").waitFor();
  const focused = await page.evaluate(() => document.activeElement.className);
  check("sign-in", focused.includes("problems"), `the list of problems has not the focus, but ${focused}`);
});
await journey("a bucket is added by a paste, and its secret is nowhere", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.goto("/ui/buckets/add");
  await page.getByLabel("Paste anything").fill(paste);
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.getByText("secret found").waitFor();
  const secret = paste.match(/SECRET_ACCESS_KEY=(\S+)/)[1];
  check("add", !(await page.locator("#fields").innerHTML()).includes(secret), "the page has the secret");
  await page.getByLabel("Name in Bucketry").fill("added by a browser");
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await page.getByText("all passed", { exact: true }).waitFor({ timeout: 30_000 });
  const news = await page.locator("#check-news").textContent();
  check("add", news === "Checks: all passed.", `the end is announced as "${news}"`);
  check("add", (await page.locator("#least-privilege").textContent()).includes("arn:aws:s3:::"), "there is no policy");
  await page.getByRole("button", { name: "Add bucket" }).click();
  await page.waitForURL(/done=bucket-added/, { timeout: 30_000 });
  await page.getByRole("heading", { name: "added by a browser" }).waitFor();
  check("added", !(await page.content()).includes(secret), "the page has the secret");
});
await journey("the fields are those of the provider and the kind of credential", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.goto("/ui/buckets/add");
  await page.locator("label.card", { hasText: "Google Cloud" }).click();
  await page.getByLabel("Whole JSON of its key", { exact: true }).waitFor();
  check("region", (await page.locator("#region").count()) === 0, "Google’s buckets have a region here");
  const focused = await page.evaluate(() => document.activeElement.value);
  check("focus", focused === "gcs", `the focus is at ${focused}`);
  await page.getByLabel("Kind of credential").selectOption("HMAC key");
  await page.getByLabel("Access id (GOOG…)").fill("GOOG1EXAMPLE");
  await page.locator("label.card", { hasText: "Azure Blob" }).click();
  await page.getByLabel("Account key", { exact: true }).waitFor();
  check("key", (await page.getByLabel("Name of the storage account").inputValue()) === "GOOG1EXAMPLE", "the input is lost");
});
await journey("a failed check marks its field and leads to it", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.goto("/ui/buckets/add");
  await page.getByLabel("Paste anything").fill(paste.replace(/http:\/\/[^/\s]+/, "http://127.0.0.1:9"));
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.getByText("secret found").waitFor();
  await page.getByRole("button", { name: "Check", exact: true }).click();
  const endpoint = page.locator("#endpoint[aria-invalid=true]");
  await endpoint.waitFor({ timeout: 30_000 });
  const described = await endpoint.evaluate((field) => document.getElementById(field.getAttribute("aria-describedby"))?.textContent);
  check("field", described?.length > 0, "the field doesn’t say what is wrong");
  await page.getByRole("link", { name: "See the endpoint." }).click();
  const focused = await page.evaluate(() => document.activeElement.id);
  check("focus", focused === "endpoint", `the focus is at ${focused}`);
  await endpoint.fill("http://127.0.0.1:10");
  await page.getByRole("button", { name: "Check", exact: true }).click();
  await endpoint.waitFor({ timeout: 30_000 });
});
await journey("the reason for a bucket that is down is found", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.getByRole("link", { name: `${offline} is offline`, exact: true }).click();
  await page.getByText(/Offline for|Offline/).first().waitFor();
  await page.getByRole("button", { name: "Check now" }).click();
  await page.waitForURL(/\/check\//, { timeout: 30_000 });
  await page.locator(".checks .no").first().waitFor({ timeout: 30_000 });
  await page.getByText("1 check failed", { exact: true }).waitFor({ timeout: 30_000 });
});
await journey("a session that ends elsewhere leads to signing in", async () => {
  const inner = await context(browser);
  const page = await inner.newPage();
  await signIn(page);
  await inner.clearCookies();
  await page.goto("/ui/buckets");
  await page.waitForURL(/sign-in\?to=/);
});
await journey("without scripts, pages are read and forms sent", async () => {
  const page = await (await context(browser, { javaScriptEnabled: false })).newPage();
  await signIn(page);
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.goto("/ui/settings");
  await page.locator("input[value=dark]").check();
  await page.locator("form[data-themes] button").click();
  await page.waitForURL(/settings/);
  check("theme", (await page.locator("html").getAttribute("data-theme")) === "dark", "the theme is not dark");
  await page.goto("/ui/buckets/add");
  await page.getByLabel("Paste anything").fill("s3://photos");
  await page.getByRole("button", { name: "Read", exact: true }).click();
  await page.waitForLoadState();
  check("paste", (await page.locator("#bucket").inputValue()) === "photos", "the paste was not read");
  await page.goto("/ui/buckets?state=offline");
  await page.getByRole("link", { name: offline, exact: true }).first().click();
  await page.getByRole("button", { name: "Check now" }).click();
  await page.waitForURL(/done=bucket-checked/, { timeout: 30_000 });
});
await journey("the keyboard is enough", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.keyboard.press("g");
  await page.keyboard.press("b");
  await page.waitForURL(/\/ui\/buckets$/);
  await page.keyboard.press("/");
  await page.keyboard.type("state:offline");
  await page.keyboard.press("Enter");
  await page.waitForURL(/state%3Aoffline/);
  await page.keyboard.press("?");
  await page.getByRole("heading", { name: "Keyboard shortcuts" }).waitFor();
});
await journey("eight tabs at once stay signed in", async () => {
  const inner = await context(browser);
  await signIn(await inner.newPage());
  const tabs = await Promise.all(Array.from({ length: 8 }, () => inner.newPage()));
  await Promise.all(tabs.map((tab) => tab.goto("/ui/buckets")));
  for (const tab of tabs) check("tabs", new URL(tab.url()).pathname === "/ui/buckets", `a tab is at ${tab.url()}`);
});
await browser.close();
finish({ journeys: done });

async function journey(name, act) {
  try {
    await act();
    done.push(name);
  } catch (error) {
    fail(name, error.message.split("\n").slice(0, 4).join(" "));
  }
  for (const one of browser.contexts()) await one.close();
}
