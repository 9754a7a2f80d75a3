// Lists with rows to select: a box for all rows, and how many are selected.

/** @param {ParentNode} root */
export function setUpSelection(root) {
  const forms = root.matches?.("form[data-rows]") ? [root] : root.querySelectorAll("form[data-rows]");
  for (const form of forms) {
    const boxes = [...form.querySelectorAll("input[type=checkbox][name=id]")];
    const all = form.querySelector("input[data-all]");
    const text = form.querySelector("[data-selected]");
    if (!all || !text) continue;
    const count = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      all.checked = chosen > 0 && chosen === boxes.length;
      all.indeterminate = chosen > 0 && chosen < boxes.length;
      text.textContent = chosen === 0 ? "With the selected buckets" : `With ${chosen} selected`;
    };
    all.hidden = false;
    all.addEventListener("change", () => {
      for (const box of boxes) box.checked = all.checked;
      count();
    });
    form.addEventListener("change", count);
    count();
  }
}
