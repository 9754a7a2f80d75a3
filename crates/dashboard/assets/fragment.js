// Refreshes parts of the page. A part has an id and `data-refresh`; the page is read again, and what changed is replaced.
// Focus, open details and scroll positions stay as they are.

import { clock } from "./times.js";

const EVERY = 30_000;
const policy = globalThis.trustedTypes?.createPolicy("bucketry", { createHTML: (html) => html });

let lastRead = new Date();
let isReading = false;

/** @param {(root: ParentNode) => void} prepare */
export function keepFresh(prepare) {
  if (!document.querySelector("[data-refresh]")) return;
  setInterval(() => {
    if (!document.hidden) refresh(prepare);
  }, EVERY);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - lastRead > EVERY) refresh(prepare);
  });
}

async function refresh(prepare) {
  if (isReading) return;
  isReading = true;
  try {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (response.redirected) {
      location.reload();
      return;
    }
    if (!response.ok) throw new Error(String(response.status));
    replace(await response.text(), prepare);
    lastRead = new Date();
    connection("");
  } catch {
    connection(`No connection since ${clock(lastRead)}. You see data from that time.`);
  } finally {
    isReading = false;
  }
}

/** A page that the server sent. */
export function parse(html) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
}

function replace(html, prepare) {
  const page = parse(html);
  for (const part of document.querySelectorAll("[data-refresh][id]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh || part.contains(document.activeElement?.closest("input, select, textarea"))) continue;
    // Times are compared as the server sent them.
    if (fresh.innerHTML === (part.dataset.sent ?? "")) continue;
    const sent = fresh.innerHTML;
    const open = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
    const focused = part.contains(document.activeElement) ? address(document.activeElement) : null;
    part.replaceChildren(...document.adoptNode(fresh).childNodes);
    part.dataset.sent = sent;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    prepare(part);
    if (focused) part.querySelector(focused)?.focus();
  }
}

/** A selector by which an element is found again. */
function address(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const link = element.getAttribute("href");
  return link ? `a[href="${CSS.escape(link)}"]` : null;
}

function connection(message) {
  const bar = document.querySelector(".connection");
  if (!bar) return;
  bar.textContent = message;
  bar.hidden = message === "";
}
