// Keeps parts of the page fresh. A part has an id, and names in `data-refresh` the topics that it shows. When one of them
// changes, the main part of the page is read again, and parts that differ are replaced. Focus, selected text, ticked boxes,
// open details and scroll positions stay as they are.

import { listen } from "./live.js";
import { clock } from "./times.js";

/** The shortest time between two reads. The server decides how often it names what changed. */
const SHORTEST_MS = 500;
/** A page that was read this recently isn't read again only because changes are heard of from now on. */
const RECENT_MS = 2_000;
/** How often parts are read again where nothing tells what changes, and after a failure. */
const EVERY_MS = 30_000;
const FAILED_MS = 5_000;
/** The page itself comes first. */
const STREAM_AFTER_MS = 1_500;

const policy = globalThis.trustedTypes?.createPolicy("bucketry", { createHTML: (html) => html });

/** Each part as the server sent it. Scripts change it afterwards. */
const sent = new WeakMap();
let tag = "";
let lastRead = new Date();
let startedAt = 0;
let timer;
let isReading = false;
/** Whether something changed while the page was being read. */
let hasChanged = false;
let isLive = false;

/** Remembers the parts of the page. Call it before scripts change them. */
export function rememberParts() {
  for (const part of parts()) sent.set(part, part.innerHTML);
}

/** @param {(root: ParentNode) => void} prepare */
export function keepFresh(prepare) {
  if (parts().length === 0) return;
  // A part without topics shows a bit of everything.
  const topics = new Set([...parts()].flatMap((part) => part.dataset.refresh.split(" ")));
  const isShown = (topic) => topics.has(topic) || topics.has("");
  const read = () => refresh(prepare, read);
  const onTopics = (changed) => {
    if (!document.hidden && changed.some(isShown)) schedule(read);
  };
  const onState = (live) => {
    const wasLive = isLive;
    isLive = live;
    showState();
    // What changed while nothing was heard, or why nothing is heard.
    if (live === wasLive || document.hidden) return;
    if (!live || Date.now() - lastRead > RECENT_MS) schedule(read);
  };
  const url = `${document.documentElement.dataset.ui}/live`;
  const buckets = [...topics].filter((topic) => topic.startsWith("bucket/")).map((topic) => topic.slice("bucket/".length));
  setTimeout(() => listen({ url, buckets, onTopics, onState }), STREAM_AFTER_MS);
  setInterval(() => {
    if (!document.hidden && !isLive) schedule(read);
  }, EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - lastRead > EVERY_MS) schedule(read);
  });
}

const parts = () => document.querySelectorAll("[data-refresh][id]");

function schedule(read) {
  timer ??= setTimeout(() => {
    timer = undefined;
    read();
  }, Math.max(0, startedAt + SHORTEST_MS - Date.now()));
}

async function refresh(prepare, again) {
  if (isReading) {
    hasChanged = true;
    return;
  }
  isReading = true;
  startedAt = Date.now();
  try {
    const headers = { accept: "text/html", "bucketry-fragment": "main", ...(tag && { "if-none-match": tag }) };
    const response = await fetch(location.href, { headers });
    if (response.redirected) {
      // The session has ended.
      location.assign(response.url);
      return;
    }
    if ([403, 404].includes(response.status)) openAgain();
    // The result of a form has an address that can't be read. A limit passes.
    if ([403, 404, 405, 429].includes(response.status)) return;
    if (response.status !== 304) {
      if (!response.ok) throw new Error(String(response.status));
      const isComplete = replace(await response.text(), prepare);
      // What was left for later is read again.
      tag = isComplete ? (response.headers.get("etag") ?? "") : "";
    }
    lastRead = new Date();
    connection("");
  } catch {
    connection(`No connection since ${clock(lastRead)}. You see data from that time.`);
    setTimeout(() => {
      if (!document.hidden) schedule(again);
    }, FAILED_MS);
  } finally {
    isReading = false;
    if (hasChanged) {
      hasChanged = false;
      schedule(again);
    }
  }
}

/** A page that the server sent. */
export function parse(html) {
  return new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
}

/** Replaces the parts that differ. Returns whether none was left because somebody works in it. */
function replace(html, prepare) {
  const page = parse(html);
  let isComplete = true;
  for (const part of parts()) {
    const fresh = page.getElementById(part.id);
    if (fresh?.innerHTML === sent.get(part)) continue;
    if (isInUse(part)) {
      isComplete = false;
      continue;
    }
    if (!fresh) {
      // The page consists of other parts now, as after the first bucket was added.
      openAgain();
      return false;
    }
    sent.set(part, fresh.innerHTML);
    const restore = remember(part);
    part.replaceChildren(...document.adoptNode(fresh).childNodes);
    prepare(part);
    restore();
  }
  showState();
  return isComplete;
}

/** Opens the page anew. Not a reload, which would send a form again. */
function openAgain() {
  location.assign(location.pathname + location.search);
}

function showState() {
  for (const mark of document.querySelectorAll("[data-live]")) mark.hidden = !isLive;
}

/** Whether somebody types in the part, has selected text in it, or waits for a form in it. */
function isInUse(part) {
  if (part.querySelector("form[data-sent]")) return true;
  const field = document.activeElement?.closest("input:not([type=checkbox]), select, textarea");
  if (field && part.contains(field)) return true;
  const selection = getSelection();
  return Boolean(selection && !selection.isCollapsed && selection.containsNode(part, true));
}

/** What a reader did in the part, and how to do it again in its replacement. */
function remember(part) {
  const open = [...part.querySelectorAll("details[open][id]")].map((details) => details.id);
  const ticked = [...part.querySelectorAll("input[type=checkbox]:checked[id]")].map((box) => box.id);
  const scrolled = [...part.querySelectorAll("details[open] .scroll")].map((area) => area.scrollTop);
  const focused = part.contains(document.activeElement) ? address(document.activeElement) : null;
  return () => {
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    for (const id of ticked) {
      const box = document.getElementById(id);
      if (box) box.checked = true;
      box?.dispatchEvent(new Event("change", { bubbles: true }));
    }
    [...part.querySelectorAll("details[open] .scroll")].forEach((area, index) => {
      area.scrollTop = scrolled[index] ?? 0;
    });
    if (focused) part.querySelector(focused)?.focus({ preventScroll: true });
  };
}

/** A selector by which an element is found again. */
function address(element) {
  if (element.id) return `#${CSS.escape(element.id)}`;
  const link = element.getAttribute("href");
  if (link) return `a[href="${CSS.escape(link)}"]`;
  const form = element.form?.getAttribute("action");
  return form ? `form[action="${CSS.escape(form)}"] button` : null;
}

function connection(message) {
  const bar = document.querySelector(".connection");
  if (!bar || bar.textContent === message) return;
  bar.textContent = message;
  bar.hidden = message === "";
}
