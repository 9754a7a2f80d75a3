// Checks of a bucket that appear as they end. A panel with `data-follow` is read again from there, and the server answers as
// soon as there is news. Failures and the end are announced; checks that pass are not.

import { parse } from "./fragment.js";

const PAUSE = 1_000;
const MOST_FAILURES = 5;

/** @param {ParentNode} root */
export function setUpChecks(root) {
  for (const form of root.querySelectorAll("form[data-follows]")) {
    if (form.querySelector("input[name=follow]")) continue;
    const field = document.createElement("input");
    Object.assign(field, { type: "hidden", name: "follow", value: "yes" });
    form.append(field);
  }
  for (const panel of root.querySelectorAll("[data-follow][id]")) follow(panel);
  if (root === document) return;
  // Checks that had ended before the part was read.
  for (const panel of root.querySelectorAll("[data-news]:not([data-follow])")) {
    announce(panel.dataset.news);
    markFields(panel);
    if (panel.dataset.moved) location.assign(panel.dataset.moved);
  }
}

async function follow(panel) {
  let failures = 0;
  while (panel.dataset.follow && panel.isConnected) {
    try {
      const response = await fetch(panel.dataset.follow, { headers: { accept: "text/html" } });
      if (response.redirected) return location.reload();
      if (!response.ok) throw new Error(String(response.status));
      const fresh = parse(await response.text()).getElementById(panel.id);
      if (!fresh || !panel.isConnected) return;
      show(panel, fresh);
      failures = 0;
    } catch {
      failures += 1;
      if (failures === MOST_FAILURES) return announce("The connection to the server was lost.");
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  }
  if (panel.dataset.moved && panel.isConnected) location.assign(panel.dataset.moved);
}

function show(panel, fresh) {
  panel.replaceChildren(...document.adoptNode(fresh).childNodes);
  for (const name of ["follow", "moved", "news"]) {
    if (name in fresh.dataset) panel.dataset[name] = fresh.dataset[name];
    else delete panel.dataset[name];
  }
  announce(panel.dataset.news ?? "");
  markFields(panel);
}

/** Marks the fields of the form that failed checks are about. */
function markFields(panel) {
  for (const link of panel.querySelectorAll("a[data-field]")) {
    const field = document.getElementById(link.dataset.field);
    if (!field || field.hasAttribute("aria-invalid")) continue;
    field.setAttribute("aria-invalid", "true");
    const described = [`${field.id}-check`, field.getAttribute("aria-describedby")];
    field.setAttribute("aria-describedby", described.filter(Boolean).join(" "));
  }
}

function announce(news) {
  const region = document.getElementById("check-news");
  if (region && region.textContent !== news) region.textContent = news;
}
