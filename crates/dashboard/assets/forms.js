// Forms: the list of problems takes the focus, secrets can be shown, buttons can't be pressed twice. A form with
// `data-inline` is sent without a new page, so that what was pasted stays in the browser's fields.

import { setUpChecks } from "./checks.js";
import { setUpCopying } from "./copy.js";
import { parse } from "./fragment.js";

/** So that the arrow keys can pass over choices. */
const READ_AFTER_MS = 150;
let reading;

/** @param {ParentNode} root */
export function setUpForms(root) {
  root.querySelector("[data-focus]")?.focus();
  for (const button of root.querySelectorAll("button[data-reveal]")) {
    if (!button.hidden) continue;
    button.hidden = false;
    button.addEventListener("click", () => reveal(button));
  }
  for (const form of root.querySelectorAll("form[method=post]")) {
    if ("inline" in form.dataset) {
      form.addEventListener("submit", (event) => inline(event, form));
      form.addEventListener("change", (event) => {
        if (event.target.matches("[name=storageType], [name=kind]")) readAgain(form);
      });
    } else form.addEventListener("submit", (event) => once(event, form));
  }
  for (const area of root.querySelectorAll("form[data-inline] textarea")) {
    // What was pasted is read at once.
    area.addEventListener("paste", () => setTimeout(() => readAgain(area.form)));
  }
  for (const form of root.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", (event) => {
      if (event.target.matches("select")) form.requestSubmit();
    });
  }
}

/** Has the server show the fields that belong to what is entered now. */
function readAgain(form) {
  form.dataset.stale = "yes";
  clearTimeout(reading);
  const read = () => {
    if (form.dataset.sent) reading = setTimeout(read, READ_AFTER_MS);
    else form.requestSubmit(form.querySelector("button[value=read]"));
  };
  reading = setTimeout(read, READ_AFTER_MS);
}

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shows = input.type === "password";
  input.type = shows ? "text" : "password";
  button.setAttribute("aria-pressed", String(shows));
}

function once(event, form) {
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  const working = event.submitter?.dataset.working;
  if (working) event.submitter.lastChild.textContent = working;
  // A page that comes back from the history can send again.
  addEventListener("pageshow", (shown) => {
    if (shown.persisted) delete form.dataset.sent;
  }, { once: true });
}

async function inline(event, form) {
  event.preventDefault();
  if (form.dataset.sent) return;
  form.dataset.sent = "yes";
  delete form.dataset.stale;
  const button = event.submitter;
  const label = button?.lastChild;
  const before = label?.textContent;
  if (button?.dataset.working) label.textContent = button.dataset.working;
  try {
    const body = new URLSearchParams(new FormData(form, button));
    // Not `form.action`, which is the button of this name.
    const response = await fetch(form.getAttribute("action"), { method: "POST", body });
    if (response.redirected) {
      location.assign(response.url);
      return;
    }
    const page = parse(await response.text());
    // What was chosen meanwhile is read next.
    if (!form.dataset.stale) showResults(page);
  } catch {
    // The form as the browser would have sent it says what is wrong with the connection.
    form.submit();
  } finally {
    delete form.dataset.sent;
    if (label) label.textContent = before;
  }
}

/** Replaces the parts that a form changes. Secrets that were typed stay. */
function showResults(page) {
  for (const part of document.querySelectorAll("[data-result][id]")) {
    const fresh = page.getElementById(part.id);
    if (!fresh) continue;
    const secrets = [...part.querySelectorAll("input[type=password], input[data-shown]")].map((input) => [input.id, input.value]);
    const focused = part.contains(document.activeElement) ? document.activeElement : null;
    part.replaceChildren(...document.adoptNode(fresh).childNodes);
    for (const [id, value] of secrets) {
      const input = document.getElementById(id);
      if (input && value) input.value = value;
    }
    if (focused) refocus(part, focused);
    setUpForms(part);
    setUpChecks(part);
    setUpCopying(part);
  }
}

/** Moves the focus to the element that replaces the one that had it. */
function refocus(part, { name, type }) {
  const checked = type === "radio" ? ":checked" : "";
  part.querySelector(`[name="${CSS.escape(name ?? "")}"]${checked}`)?.focus({ preventScroll: true });
}
