"use strict";
(() => {
  const table = document.getElementById("results");
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const search = document.getElementById("search");
  const only = document.getElementById("only");
  const found = document.getElementById("found");
  const texts = rows.map((row) => `${row.cells[0].textContent} ${row.cells[1].textContent}`.toLowerCase());

  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row, index) => {
      const fits = (!only.checked || (row.className !== "" && row.className !== "ignored")) && words.every((word) => texts[index].includes(word));
      row.hidden = !fits;
      count += fits ? 1 : 0;
    });
    found.textContent = `${count} of ${rows.length} tests`;
  };

  let later = 0;
  search.addEventListener("input", () => {
    clearTimeout(later);
    later = setTimeout(filter, 100);
  });
  only.addEventListener("change", filter);

  // Numbers before dashes in both directions, so that what was not measured is never on top.
  const key = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.by !== undefined) {
      return Number(cell.dataset.by);
    }
    const text = cell.textContent;
    return text === "-" ? null : /^\d+$/.test(text) ? Number(text) : text;
  };
  const compare = (left, right) => (typeof left === "string" ? left.localeCompare(right) : left - right);
  const sort = (column, sign) => {
    const keyed = rows.map((row, index) => ({ row, index, by: key(row, column) }));
    keyed.sort((left, right) => {
      if (left.by === null || right.by === null) {
        return (left.by === null) - (right.by === null) || left.index - right.index;
      }
      return sign * compare(left.by, right.by) || left.index - right.index;
    });
    body.replaceChildren(...keyed.map((entry) => entry.row));
  };

  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      // What is looked for among figures is the highest.
      const first = head.className === "number" ? "descending" : "ascending";
      const other = first === "ascending" ? "descending" : "ascending";
      const order = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      sort(column, order === "ascending" ? 1 : -1);
    });
    head.replaceChildren(button);
  });

  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });

  let folded = [];
  addEventListener("beforeprint", () => {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    folded.forEach((each) => { each.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((each) => { each.open = false; }));

  document.getElementById("controls").hidden = false;
  filter();
})();
