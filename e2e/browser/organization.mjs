// What people do with accounts, workspaces, notifications, records, keys and the vault.
import { join } from "node:path";
import { axe, check, context, fail, finish, launch, out, signIn } from "./browser.mjs";

const { RECEIVER: receiver, REPOSITORY: repository } = process.env;
const done = [];

const browser = await launch();
await journey("somebody is added, chooses a password, and is added to a workspace", async () => {
  const page = await (await context(browser, { bypassCSP: true })).newPage();
  await signIn(page);
  await page.goto("/ui/people");
  await page.getByRole("link", { name: "Add person" }).click();
  await page.getByLabel("E-mail address").fill("grace@example.com");
  await page.getByLabel("First name").fill("Grace");
  await page.getByLabel("Last name").fill("Hopper");
  await page.getByRole("button", { name: "Create account" }).click();
  const oneTime = await page.getByLabel("One-time password", { exact: true }).inputValue();
  await inspect(page, "person-created");
  await page.getByRole("link", { name: "I have passed it on" }).click();
  await page.getByRole("heading", { name: "Grace Hopper" }).waitFor();
  check("person", !(await page.content()).includes(oneTime), "the page has the password");

  await page.goto("/ui/workspaces");
  await page.getByRole("link", { name: "default", exact: true }).click();
  await page.getByLabel("E-mail address").fill("grace@example.com");
  await page.locator("fieldset#role label", { hasText: "WRITE" }).click();
  await page.getByRole("button", { name: "Add member" }).click();
  await page.getByText("The member was added.").waitFor();
  await page.getByText("grace@example.com").first().waitFor();

  const inner = await context(browser);
  const own = await inner.newPage();
  await signIn(own, "grace@example.com", oneTime);
  await own.waitForURL(/\/ui\/password/);
  await own.getByLabel("New password", { exact: true }).fill("Own-Horse-1234");
  await own.getByRole("button", { name: "Change password" }).or(own.getByRole("button", { name: "Save" })).first().click();
  await own.getByRole("heading", { name: "Overview" }).waitFor();
  check("navigation", (await own.getByRole("link", { name: "People", exact: true }).count()) === 0, "a user sees People");
  own.expected = /403/;
  await own.goto("/ui/audit");
  await own.getByText("organization role ADMINISTRATORS").waitFor();
});
await journey("the keyboard opens a member's row and changes the role", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.goto("/ui/workspaces");
  await page.getByRole("link", { name: "default", exact: true }).click();
  const row = page.locator("summary", { hasText: "grace@example.com" });
  await row.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await page.keyboard.type("READ");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByText("The member’s role was changed.").waitFor();
  check("role", (await row.textContent()).includes("READ"), "the role is not READ");
});
await journey("a channel is added, tested, and shows what the receiver answered", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.goto("/ui/notifications/new?kind=WEBHOOK");
  await page.getByLabel("Name", { exact: true }).fill("on call");
  await page.getByLabel("URL").fill(`${receiver}/hidden-path`);
  await page.getByLabel("Signing key", { exact: true }).fill("the key of the test's webhook");
  await page.getByRole("button", { name: "Add channel" }).click();
  await page.getByText("The channel was added.").waitFor();
  await page.getByRole("button", { name: "Send a test" }).click();
  await page.getByText("The test was delivered").waitFor({ timeout: 20_000 });
  await page.getByText("HTTP 200").or(page.getByText("HTTP 204")).first().waitFor();
  check("channel", !(await page.content()).includes("hidden-path"), "the page has the address");
});
await journey("records are opened, filtered and exported", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.goto("/ui/audit");
  const record = page.locator("summary", { hasText: "changed the membership of" }).first();
  await record.click();
  const opened = page.locator("details[open]");
  await opened.getByRole("rowheader", { name: "role" }).waitFor();
  await page.getByLabel("About").selectOption("channel");
  await page.waitForURL(/kind=channel/);
  await page.getByText("created the channel").first().waitFor();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export CSV" }).click(),
  ]);
  check("export", download.suggestedFilename() === "audit.csv", download.suggestedFilename());
});
await journey("a secret is shown once, and the back button does not bring it back", async () => {
  const page = await (await context(browser, { bypassCSP: true })).newPage();
  await signIn(page);
  page.expected = /ERR_CACHE_MISS|Failed to load/;
  await page.goto(`/ui/repositories/${repository}`);
  await page.getByLabel("Name of the key").fill("laptop");
  await page.getByRole("button", { name: "Create key" }).click();
  const secret = await page.locator("#secret").inputValue();
  await inspect(page, "new-key");
  check("key", secret.length === 40, `the secret has ${secret.length} characters`);
  await page.getByRole("link", { name: "I have stored it" }).click();
  await page.getByText("laptop").first().waitFor();
  // The browser has stored nothing, and asks before it sends a form again.
  await page.goBack({ waitUntil: "load", timeout: 5_000 }).catch(() => {});
  await page.waitForTimeout(500);
  check("back", !(await page.content()).includes(secret), "the back button shows the secret again");
});
await journey("buckets are attached to a repository and detached from it", async () => {
  const page = await (await context(browser)).newPage();
  page.expected = /422/;
  await signIn(page);
  await page.goto(`/ui/repositories/${repository}`);
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByRole("button", { name: "Attach bucket" }).click();
  await page.getByRole("link", { name: "Bucket must be chosen." }).click();
  const focused = await page.evaluate(() => document.activeElement.id);
  check("attach", focused === "bucketId", `the focus is at ${focused}`);
  await page.getByLabel("Bucket", { exact: true }).selectOption("archive-2026");
  await page.getByLabel("Folder").fill("older");
  await page.getByRole("button", { name: "Attach bucket" }).click();
  await page.getByText("The repository was changed.").waitFor();
  const row = page.locator("li", { hasText: "archive-2026" }).filter({ hasText: "/older" });
  await row.waitFor();
  await page.getByLabel("Bucket", { exact: true }).selectOption("archive-2026");
  await page.getByRole("button", { name: "Attach bucket" }).click();
  await page.getByText("The bucket was not attached").waitFor();
  await page.goto("/ui/buckets");
  await page.getByRole("link", { name: "archive-2026", exact: true }).click();
  await page.locator("#used-by").getByRole("link", { name: "Streaming" }).click();
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByRole("button", { name: "Detach archive-2026" }).click();
  await page.getByText("The repository was changed.").waitFor();
  await row.waitFor({ state: "hidden" });
  await page.goto("/ui/buckets");
  await page.getByRole("link", { name: "archive-2026", exact: true }).click();
  await page.getByText("No repository contains this bucket").waitFor();
});
await journey("the vault is rotated", async () => {
  const page = await (await context(browser)).newPage();
  await signIn(page);
  await page.goto("/ui/settings");
  await page.getByRole("button", { name: "Rotate keys" }).click();
  await page.getByText("The rotation has started.").waitFor();
  for (let tries = 0; tries < 30 && (await page.getByText("Rotated", { exact: true }).count()) === 0; tries += 1) {
    await page.waitForTimeout(500);
    await page.goto("/ui/settings");
  }
  await page.getByText("Rotated", { exact: true }).waitFor();
});
await journey("without scripts, a workspace is made, filled and deleted, and a silence is added and ended", async () => {
  const page = await (await context(browser, { javaScriptEnabled: false })).newPage();
  await signIn(page);
  await page.goto("/ui/workspaces/new");
  await page.getByLabel("Name").fill("short-lived");
  await page.getByRole("button", { name: "Create workspace" }).click();
  await page.getByText("The workspace was created.").waitFor();
  await page.getByLabel("E-mail address").fill("grace@example.com");
  await page.getByRole("button", { name: "Add member" }).click();
  await page.locator("summary", { hasText: "grace@example.com" }).click();
  await page.getByRole("button", { name: "Remove Grace Hopper" }).click();
  await page.getByText("The member was removed.").waitFor();
  await page.getByLabel("Type the workspace’s name to confirm").fill("short-lived");
  await page.getByRole("button", { name: "Delete workspace" }).click();
  await page.getByText("The workspace was deleted.").waitFor();

  await page.goto("/ui/notifications/silences/new");
  await page.getByLabel("Reason").fill("planned work");
  await page.getByRole("button", { name: "Add silence" }).click();
  await page.getByText("planned work").waitFor();
  await page.getByRole("button", { name: "End the silence" }).click();
  await page.getByText("The silence has ended.").waitFor();
});
await browser.close();
finish({ journeys: done });

/** What is checked on other pages, for one that is only shown once. */
async function inspect(page, title) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const width of [1280, 390]) {
      await page.setViewportSize({ width, height: 844 });
      await page.screenshot({ path: join(out, `${title}-${colorScheme}-${width}.png`), fullPage: true });
      await axe(page, `${title} ${colorScheme} ${width}`);
    }
  }
  await page.setViewportSize({ width: 320, height: 640 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check(title, width <= 320, `at 320 px it is ${width} px wide`);
  await page.setViewportSize({ width: 1280, height: 844 });
}

async function journey(name, act) {
  try {
    await act();
    done.push(name);
  } catch (error) {
    fail(name, error.message.split("\n").slice(0, 4).join(" "));
  }
  for (const one of browser.contexts()) await one.close();
}
