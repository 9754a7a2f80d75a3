// Pages that show changes while they are open, on good and bad days: a bucket goes down, the server is killed and comes back,
// a session ends elsewhere, eight tabs are open.
import { ask, check, context, finish, journeys, launch, signIn } from "./browser.mjs";
import { proxy } from "./proxy.mjs";

const { URL_OF_SERVER: server, BUCKET: id } = process.env;
const front = await proxy({ target: server });
const browser = await launch();
const SOON = { timeout: 60_000 };

const own = (options) => context(browser, { baseURL: front.url, ...options });

/** Marks the document, so that a reload is noticed. */
const mark = (page) => page.evaluate(() => (globalThis.isSame = true));
const isSame = (page) => page.evaluate(() => globalThis.isSame === true);

/** Requests for streams of a context that have not ended, as a function. */
function openStreams(inner) {
  const open = new Set();
  const isStream = (request) => new URL(request.url()).pathname.endsWith("/ui/live");
  inner.on("request", (request) => isStream(request) && open.add(request));
  for (const end of ["requestfinished", "requestfailed"]) inner.on(end, (request) => open.delete(request));
  // A closed page doesn't say that its requests have ended.
  return () => [...open].filter((request) => !request.frame().page().isClosed());
}

const done = await journeys(browser, {
  "eight tabs share one stream, and all of them show that a bucket goes down": async () => {
    const inner = await own();
    const streams = openStreams(inner);
    await signIn(await inner.newPage());
    const tabs = await Promise.all(Array.from({ length: 8 }, () => inner.newPage()));
    await Promise.all(tabs.map((tab) => tab.goto("/ui/buckets")));
    for (const tab of tabs) await tab.locator("[data-live]").waitFor(SOON);
    check("tabs", streams().length === 1, `${streams().length} streams are open`);
    const leader = streams()[0].frame().page();
    await leader.close();
    const [overview, bucket, ...lists] = tabs.filter((tab) => tab !== leader);
    await overview.goto("/ui");
    await bucket.goto(`/ui/buckets/${id}`);
    const open = [overview, bucket, ...lists];
    for (const page of open) {
      await page.locator("[data-live]").waitFor(SOON);
      await mark(page);
    }
    // The page of the bucket has the shared stream opened again, for its topic.
    const follows = () => streams().length === 1 && new URL(streams()[0].url()).searchParams.has("bucket", id);
    for (const end = Date.now() + SOON.timeout; !follows() && Date.now() < end; ) await bucket.waitForTimeout(100);
    check("tabs", follows(), `after the first was closed, open are ${streams().map((request) => request.url())}`);

    const link = overview.locator("#busiest a.link");
    await link.focus();
    await lists[0].getByLabel("Select watched").check();
    await lists[0].getByText("With 1 selected").waitFor();
    await bucket.evaluate(() => getSelection().selectAllChildren(document.querySelector("#state h1")));
    await ask("storage down");
    await overview.getByRole("link", { name: "watched is offline", exact: true }).waitFor(SOON);
    for (const list of lists) await list.locator("#list .state.bad").waitFor(SOON);
    check("focus", await link.evaluate((element) => element === document.activeElement), "the focus has moved");
    check("boxes", await lists[0].getByLabel("Select watched").isChecked(), "the box is not ticked any more");
    await lists[0].getByText("With 1 selected").waitFor();
    const selected = await bucket.evaluate(() => String(getSelection()));
    check("selection", selected.includes("watched"), `the selection is now ${selected}`);
    await bucket.evaluate(() => getSelection().removeAllRanges());
    await bucket.locator("#state .pill.bad").waitFor(SOON);

    await ask("storage up");
    await overview.getByText("Nothing needs attention.").waitFor(SOON);
    await bucket.locator("#state .pill.good").waitFor(SOON);
    for (const list of lists) await list.locator("#list .state.bad").waitFor({ state: "hidden", ...SOON });
    for (const page of open) check(page.url(), await isSame(page), "the page was loaded again");
  },
  "a server that is killed and comes back is noticed, and a form keeps its input": async () => {
    const inner = await own();
    const [page, form] = [await inner.newPage(), await inner.newPage()];
    page.expected = form.expected = /ERR_|50\d|Failed to load/;
    await signIn(page);
    await page.locator("[data-live]").waitFor(SOON);
    await form.goto(`/ui/buckets/${id}/settings`);
    await form.getByLabel("Name in Bucketry").fill("typed before the end");
    await mark(page);
    await ask("server down");
    front.target = undefined;
    await page.locator(".connection", { hasText: /No connection since \d\d:\d\d/ }).waitFor(SOON);
    front.target = await ask("server up");
    await page.locator(".connection").waitFor({ state: "hidden", ...SOON });
    await page.locator("[data-live]").waitFor(SOON);
    check("server", await isSame(page), "the page was loaded again");
    check("form", (await form.getByLabel("Name in Bucketry").inputValue()) === "typed before the end", "the input is lost");
  },
  "a session that ends elsewhere ends here": async () => {
    const page = await (await own()).newPage();
    // The stream leads to the page for signing in, too.
    page.expected = /EventSource/;
    await signIn(page);
    await page.locator("[data-live]").waitFor(SOON);
    const other = await (await own()).newPage();
    await signIn(other);
    await other.goto("/ui/tokens");
    await ask("revoke browsers");
    await page.waitForURL(/sign-in/, SOON);
  },
});
await browser.close();
finish({ journeys: done });
