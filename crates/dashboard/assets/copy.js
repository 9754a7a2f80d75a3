// Buttons that copy a text. On plain http, browsers have no clipboard for scripts, so the text is selected instead.

/** @param {ParentNode} root */
export function setUpCopying(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    if (!button.hidden) continue;
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  const label = button.lastChild;
  const before = label.textContent;
  label.textContent = (await put(source)) ? "Copied" : "Press Ctrl+C";
  setTimeout(() => {
    label.textContent = before;
  }, 2000);
}

async function put(source) {
  const text = "value" in source ? source.value : source.textContent;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    select(source);
    try {
      return document.execCommand("copy");
    } catch {
      return false;
    }
  }
}

function select(source) {
  if ("select" in source) {
    source.select();
    return;
  }
  const range = document.createRange();
  range.selectNodeContents(source);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}
