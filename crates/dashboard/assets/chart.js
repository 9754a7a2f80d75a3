// Charts: a marker that follows the pointer or the arrow keys, whose values are read out from the table of the same data.

/** @param {ParentNode} root */
export function setUpCharts(root) {
  for (const figure of root.querySelectorAll("figure[data-chart]")) {
    const drawing = figure.querySelector("svg");
    const rows = [...figure.querySelectorAll("tbody tr")];
    if (!drawing || rows.length === 0) continue;
    const names = [...figure.querySelectorAll("thead th")].map((cell) => cell.textContent.trim());
    let shown = -1;
    const show = (index) => {
      shown = Math.max(0, Math.min(rows.length - 1, index));
      mark(figure, drawing, rows, names, shown);
    };
    const hide = () => {
      shown = -1;
      figure.querySelector(".readout").textContent = "";
      drawing.querySelector(".marker").setAttribute("d", "");
    };
    drawing.addEventListener("pointermove", (event) => {
      const box = drawing.getBoundingClientRect();
      show(Math.floor(((event.clientX - box.left) / box.width) * rows.length));
    });
    drawing.addEventListener("pointerleave", hide);
    drawing.addEventListener("blur", hide);
    drawing.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -1, ArrowRight: 1 };
      if (event.key in steps) show(shown < 0 ? rows.length - 1 : shown + steps[event.key]);
      else if (event.key === "Home") show(0);
      else if (event.key === "End") show(rows.length - 1);
      else if (event.key === "Escape") hide();
      else return;
      event.preventDefault();
    });
  }
}

function mark(figure, drawing, rows, names, index) {
  const cells = [...rows[index].children].map((cell) => cell.textContent.trim());
  const values = cells.slice(1).map((value, at) => `${names[at + 1]} ${value}`);
  figure.querySelector(".readout").textContent = `${cells[0]}: ${values.join(", ")}`;
  const step = drawing.viewBox.baseVal.width / rows.length;
  drawing.querySelector(".marker").setAttribute("d", `M${(index + 0.5) * step} 0V100`);
}
