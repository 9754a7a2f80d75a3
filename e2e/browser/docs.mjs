// The page of the API: its examples are pasted into a shell and have to succeed.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { context, fail, finish, launch } from "./browser.mjs";

const { TOKEN: token } = process.env;
const run = promisify(execFile);
const browser = await launch();
const inner = await context(browser);
const page = await inner.newPage();
await page.goto("/docs");
await page.locator("article").first().waitFor();
const examples = await page.locator("article").evaluateAll((articles) =>
  articles.map((article) => ({
    call: `${article.querySelector(".verb").textContent} ${article.querySelector("h3 a").textContent}`,
    text: article.querySelector(".try code")?.textContent,
  })),
);
await browser.close();

const has = (end) => ({ call }) => call.endsWith(end);
const wanted = [
  ...examples.filter(({ call }) => call.startsWith("GET ") && !call.includes("/registration/")),
  ...examples.filter(has("/validate")),
  ...examples.filter(has("POST /bucket")),
  ...examples.filter(has("POST /workspace")),
];
const pasted = [];
for (const { call, text } of wanted) {
  if (text === undefined) continue;
  // Shows the status after the body. Calls that only obtain an id don't mind.
  const shell = `curl() { command curl --max-time 60 -w '\\n%{http_code}' "$@"; }\n${text}`;
  const { stdout, stderr } = await run("sh", ["-c", shell], { env: { ...process.env, BUCKETRY_TOKEN: token } }).catch((error) => error);
  const status = Number(stdout.trimEnd().split("\n").pop());
  if (status >= 200 && status < 400) pasted.push(call);
  else fail(call, `${stdout.slice(-300)} ${stderr.slice(-300)} from ${text}`);
}
// What is changed or removed, people choose themselves, and a registration is known to whoever began it.
for (const [call, id] of [["DELETE /bucket/{bucketId}", "BUCKET_ID"], ["GET /bucket/registration/{validationId}", "VALIDATION_ID"]]) {
  const { text } = examples.find(has(call));
  const refused = await run("sh", ["-c", text], { env: { ...process.env, BUCKETRY_TOKEN: token } }).then(() => undefined, (error) => error);
  if (!refused?.stderr.includes(id)) fail(call, `it doesn't ask for an id: ${text}`);
}
finish({ pasted, skipped: examples.filter(({ text }) => text === undefined).map(({ call }) => call) });
