// Keyboard shortcuts. None works while somebody types.

const PAGES = {
  o: "", b: "/buckets", r: "/repositories", n: "/nodes", m: "/notifications", a: "/audit", w: "/workspaces", p: "/people",
  t: "/tokens", s: "/settings",
};
let afterG = 0;

export function setUpShortcuts() {
  const home = document.documentElement.dataset.ui;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.target.closest("input, textarea, select, dialog")) return;
    if (Date.now() - afterG < 1000 && event.key in PAGES) {
      afterG = 0;
      const path = home + PAGES[event.key];
      // Only pages that the side bar has.
      if (document.querySelector(`.nav a[href="${CSS.escape(path)}"]`)) location.assign(path);
    } else if (event.key === "g") {
      afterG = Date.now();
    } else if (event.key === "/") {
      event.preventDefault();
      search(home);
    } else if (event.key === "?") {
      document.getElementById("shortcuts")?.showModal();
    }
  });
}

function search(home) {
  const field = document.querySelector("input[type=search]");
  if (field) field.focus();
  else location.assign(`${home}/buckets#q`);
}
