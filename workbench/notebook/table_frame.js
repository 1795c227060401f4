// A search over the rows that are shown; without scripts the table is the same without it.
for (const root of document.querySelectorAll(".wl-logs:not([data-searched])")) {
  const head = root.querySelector(".wl-head");
  const rows = [...root.querySelectorAll("tbody tr:not(.wl-gap)")];
  if (head === null || rows.length < 2) {
    continue;
  }
  root.dataset.searched = "";
  const box = document.createElement("input");
  const told = document.createElement("span");
  box.type = "search";
  box.placeholder = `search these ${rows.length} rows`;
  box.setAttribute("aria-label", box.placeholder);
  told.setAttribute("role", "status");
  const texts = rows.map((row) => row.textContent.toLowerCase());
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    rows.forEach((row, place) => {
      row.hidden = !words.every((word) => texts[place].includes(word));
      found += !row.hidden;
    });
    told.textContent = words.length ? `${found} of ${rows.length}` : "";
  });
  // Keys typed here are no commands of the notebook.
  for (const kind of ["keydown", "keypress", "keyup"]) {
    box.addEventListener(kind, (event) => event.stopPropagation());
  }
  head.append(box, told);
}
