// What an owner does with several nodes: approves one, creates a key, pins a bucket and unpins it, removes a node.
import { join } from "node:path";
import { axe, check, context, finish, journeys, launch, out, signIn } from "./browser.mjs";

const { LONG: long, FAR: far, BUCKET: bucket } = process.env;

const browser = await launch();
const done = await journeys(browser, {
  "a node is approved, and the page shows it": async () => {
    const page = await (await context(browser)).newPage();
    await signIn(page);
    await page.getByRole("heading", { name: `Node ${long} waits for approval` }).waitFor();
    await page.goto("/ui/nodes");
    const row = page.locator("tbody tr").first();
    check("nodes", (await row.textContent()).includes("Waits for approval"), "the node that waits isn't the first");
    await page.goto("/ui");
    await page.getByRole("link", { name: "Compare the key" }).click();
    await page.getByText("With the approval, it gets").waitFor();
    const key = (await page.locator("#recipient").textContent()).trim();
    check("approval", /^age1[0-9a-z]{58}$/.test(key), `the key is ${key}`);
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("The node was approved.").waitFor();
    await page.getByText("Waits for approval", { exact: true }).waitFor({ state: "hidden" });
    // The page follows what the nodes report.
    await page.getByText("It opens those of the buckets that it serves").waitFor({ timeout: 60_000 });
  },
  "a key of the organization is shown once": async () => {
    const page = await (await context(browser, { bypassCSP: true })).newPage();
    await signIn(page);
    await page.goto("/ui/nodes");
    await page.getByRole("button", { name: "Create key" }).click();
    const key = await page.locator("#private-key").textContent();
    check("key", key.includes("BEGIN RSA PRIVATE KEY"), "there is no private key");
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 390]) {
        await page.setViewportSize({ width, height: 844 });
        await page.screenshot({ path: join(out, `node-key-created-${colorScheme}-${width}.png`), fullPage: true });
        await axe(page, `node-key-created ${colorScheme} ${width}`);
      }
    }
    await page.setViewportSize({ width: 320, height: 640 });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    check("key", width <= 320, `at 320 px it is ${width} px wide`);
    await page.getByRole("link", { name: "I have stored it" }).click();
    check("key", !(await page.content()).includes("PRIVATE KEY"), "the page of nodes has the private key");
    await page.locator("#keys summary").first().click();
    await page.getByText("No registered node signs with it.").waitFor();
    await page.getByRole("button", { name: "Delete key" }).click();
    await page.getByText("The key was deleted.").waitFor();
  },
  "without scripts, a bucket is pinned to a node, to a region without nodes, and unpinned": async () => {
    const page = await (await context(browser, { javaScriptEnabled: false })).newPage();
    page.expected = /422/;
    await signIn(page);
    await page.goto(`/ui/buckets/${bucket}`);
    await page.getByRole("navigation", { name: "Parts of this bucket" }).getByRole("link", { name: "Nodes" }).click();
    await page.getByText("Every node that serves your organization").waitFor();
    await page.getByRole("checkbox", { name: far }).check();
    await page.getByRole("button", { name: "Save pins" }).click();
    await page.getByText("The pins were changed.").waitFor();
    await page.getByText(`Only these serve this bucket: ${far}.`).waitFor();
    await page.getByRole("checkbox", { name: far }).uncheck();
    await page.getByLabel("Another region").fill("nowhere-1");
    await page.getByRole("button", { name: "Save pins" }).click();
    await page.getByText("no node would serve the bucket").waitFor();
    await page.getByLabel("Pin it all the same").check();
    await page.getByRole("button", { name: "Save pins" }).click();
    await page.getByText("No node serves this bucket").waitFor();
    for (const [width, scheme] of [[1280, "light"], [390, "dark"]]) {
      await page.setViewportSize({ width, height: 844 });
      await page.emulateMedia({ colorScheme: scheme });
      await page.screenshot({ path: join(out, `bucket-nodes-none-${scheme}-${width}.png`), fullPage: true });
    }
    await page.getByRole("button", { name: "Serve it from all nodes" }).click();
    await page.getByText("Every node that serves your organization").waitFor();
  },
  "a page that is open shows the pins that somebody else saves": async () => {
    const inner = await context(browser);
    const [page, other] = [await inner.newPage(), await inner.newPage()];
    await signIn(page);
    await page.goto(`/ui/buckets/${bucket}/nodes`);
    await page.locator("[data-live]").first().waitFor();
    await other.goto(`/ui/buckets/${bucket}/nodes`);
    await other.getByRole("checkbox", { name: far }).check();
    await other.getByRole("button", { name: "Save pins" }).click();
    await other.getByText("The pins were changed.").waitFor();
    await page.bringToFront();
    await page.getByText("The bucket is pinned to others").first().waitFor({ timeout: 40_000 });
  },
  "a node is removed after its name was typed": async () => {
    const page = await (await context(browser)).newPage();
    page.expected = /422/;
    await signIn(page);
    await page.goto("/ui/nodes");
    await page.getByRole("link", { name: long }).click();
    await page.getByRole("button", { name: "Remove node" }).click();
    await page.getByRole("link", { name: "Name is not the name of this node." }).click();
    const focused = await page.evaluate(() => document.activeElement.id);
    check("remove", focused === "confirm", `the focus is at ${focused}`);
    await page.screenshot({ path: join(out, "node-remove-refused.png"), fullPage: true });
    await page.getByLabel("Type the node’s name to confirm").fill(long);
    await page.getByRole("button", { name: "Remove node" }).click();
    await page.getByText("The node was removed.").waitFor();
  },
});
await browser.close();
finish({ journeys: done });
