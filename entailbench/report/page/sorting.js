// Tables that sort by a click on a column's head. Baselines stay among themselves, under the rule; what has no figure
// comes last, whichever way.
const orderOf = (row, column) => {
  const cell = row.cells[column];
  return cell.dataset.order ?? cell.textContent.trim();
};

const compareCells = (column, sign) => (one, other) => {
  const [a, b] = [orderOf(one, column), orderOf(other, column)];
  if (a === "" || b === "") return (a === "") - (b === "");
  const [x, y] = [Number(a), Number(b)];
  return sign * (Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, "en", { numeric: true }) : x - y);
};

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector(".sort").addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      const first = head.classList.contains("number") ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const next = now === first ? other : first;
      heads.forEach((one) => one.setAttribute("aria-sort", one === head ? next : "none"));
      for (const body of table.tBodies) {
        body.append(...[...body.rows].sort(compareCells(column, next === "ascending" ? 1 : -1)));
      }
    });
  });
}
