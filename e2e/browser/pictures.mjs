// The pictures in the README: the overview, and a bucket that is down, as the demo shows them. Both in light and dark.
import { join } from "node:path";
import { context, finish, launch, out, signIn } from "./browser.mjs";

const VIEWPORT = { width: 1240, height: 800 };
/** The bucket of the demo that is down. */
const DOWN = "Archive";

const browser = await launch();
const first = await context(browser);
await signIn(await first.newPage());
const storageState = await first.storageState();
await first.close();

const made = [];
for (const colorScheme of ["light", "dark"]) {
  const inner = await context(browser, { storageState, colorScheme, viewport: VIEWPORT, timezoneId: "UTC" });
  const page = await inner.newPage();
  await picture(page, "/ui?traffic=7d", `overview-${colorScheme}`);
  await page.goto("/ui/buckets");
  const down = await page.getByRole("link", { name: DOWN, exact: true }).first().getAttribute("href");
  await picture(page, down, `bucket-${colorScheme}`);
  await inner.close();
}
await browser.close();
finish({ made });

async function picture(page, path, name) {
  await page.goto(path, { waitUntil: "networkidle" });
  const file = `${name}.png`;
  await page.screenshot({ path: join(out, file), animations: "disabled" });
  made.push(file);
}
