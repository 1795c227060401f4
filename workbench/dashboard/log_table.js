// Draws the table of newest logs. Whatever comes from a log becomes text, never markup.

const SEQ = 0, TIMESTAMP = 1, TYPE = 2, SOURCE = 3, MESSAGE = 4, ATTRIBUTES = 5;

function element(name, className = "", text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

function formatTime(timestamp) {
  const [day, time] = new Date(timestamp).toISOString().split("T");
  const today = new Date().toISOString().slice(0, 10);
  return (day === today ? "" : `${day} `) + time.slice(0, 12);
}

function formatCount(count) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(count);
}

function parse(attributes) {
  try {
    return Object.entries(JSON.parse(attributes));
  } catch {
    return null; // it was too long and is cut
  }
}

function attributesCell(text) {
  const cell = element("td", "attributes");
  const entries = parse(text);
  if (entries === null) {
    cell.textContent = `${text}…`;
    return cell;
  }
  for (const [name, value] of entries) {
    const pair = element("span", "", `${name}=`);
    pair.append(element("b", "", typeof value === "string" ? value : JSON.stringify(value)));
    cell.append(pair, " ");
  }
  return cell;
}

function rowElement(row, colours) {
  const made = element("tr");
  made.dataset.seq = row[SEQ];
  const colour = colours.get(row[TYPE]);
  if (colour !== undefined) {
    made.style.setProperty("--type-colour", colour);
  }
  made.dataset.type = row[TYPE];
  const time = element("td", "time", formatTime(row[TIMESTAMP]));
  time.title = `${new Date(row[TIMESTAMP]).toISOString()}, seq ${row[SEQ]}`;
  const type = element("td", "type");
  type.append(element("i", "mark"), row[TYPE]);
  type.title = row[TYPE];
  const source = element("td", "source", row[SOURCE]);
  source.title = row[SOURCE];
  made.append(time, type, source, element("td", "message", row[MESSAGE]), attributesCell(row[ATTRIBUTES]));
  return made;
}

class LogTable {
  constructor(model, el) {
    this.model = model;
    this.rows = []; // newest first, what the server sent
    this.unseen = 0;
    this.isPaused = false;
    this.types = []; // those shown; all where it is empty
    this.colours = new Map();
    this.root = element("div", "log-table");
    this.makeTools();
    this.makeTable();
    el.append(this.root);
  }

  makeTools() {
    const tools = element("div", "tools");
    this.choices = element("div", "choices");
    this.choices.setAttribute("role", "group");
    this.choices.setAttribute("aria-label", "Types shown");
    this.search = element("input");
    this.search.type = "search";
    this.search.placeholder = "Message contains …";
    this.search.setAttribute("aria-label", "Message contains");
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.ask(), 250);
    });
    this.pause = element("button", "pause");
    this.pause.type = "button";
    this.pause.addEventListener("click", () => {
      this.isPaused = !this.isPaused;
      this.unseen = 0;
      this.drawPause();
      this.drawRows();
    });
    this.drawPause();
    tools.append(this.choices, this.search, this.pause);
    this.root.append(tools);
  }

  makeTable() {
    const head = element("tr");
    for (const name of ["time", "type", "source", "message", "attributes"]) {
      head.append(element("th", name, name));
    }
    const thead = element("thead");
    thead.append(head);
    this.body = element("tbody");
    this.body.addEventListener("click", (event) => {
      // Who marks text to copy it does not mean to close the row.
      if (getSelection().isCollapsed) {
        event.target.closest("tr")?.classList.toggle("open");
      }
    });
    const table = element("table");
    table.append(thead, this.body);
    this.empty = element("p", "empty");
    this.scroll = element("div", "scroll");
    this.scroll.append(table, this.empty);
    this.root.append(this.scroll);
  }

  ask() {
    this.model.send_msg({ types: this.types, contains: this.search.value });
  }

  drawPause() {
    const waiting = this.unseen ? ` · ${formatCount(this.unseen)} new` : "";
    this.pause.textContent = this.isPaused ? `Resume${waiting}` : "Pause";
    this.pause.setAttribute("aria-pressed", String(this.isPaused));
  }

  drawChoices(choices) {
    const known = new Map([...this.choices.children].map((each) => [each.dataset.type, each]));
    this.colours = new Map(choices.map(([type, , colour]) => [type, colour]));
    const buttons = choices.map(([type, count, colour]) => {
      const button = known.get(type) ?? this.makeChoice(type);
      button.style.setProperty("--type-colour", colour);
      button.lastChild.textContent = formatCount(count);
      button.setAttribute("aria-pressed", String(this.types.includes(type)));
      return button;
    });
    const isSame = buttons.length === known.size && buttons.every((each, place) => each === this.choices.children[place]);
    if (!isSame) {
      this.choices.replaceChildren(...buttons);
    }
  }

  makeChoice(type) {
    const button = element("button");
    button.type = "button";
    button.dataset.type = type;
    button.title = type;
    button.append(element("i", "mark"), element("span", "", type), element("b"));
    button.addEventListener("click", () => {
      const isChosen = this.types.includes(type);
      this.types = isChosen ? this.types.filter((each) => each !== type) : [...this.types, type];
      button.setAttribute("aria-pressed", String(!isChosen));
      this.ask();
    });
    return button;
  }

  take({ replace, rows, choices, limit }) {
    this.drawChoices(choices);
    if (replace) {
      this.body.replaceChildren();
      this.rows = [];
    }
    this.rows = [...rows, ...this.rows].slice(0, limit);
    if (this.isPaused && !replace) {
      this.unseen += rows.length;
      this.drawPause();
    } else {
      this.drawRows();
    }
  }

  drawRows() {
    const newest = Number(this.body.firstChild?.dataset.seq ?? 0);
    const fresh = this.rows.filter((row) => row[SEQ] > newest);
    this.body.prepend(...fresh.map((row) => rowElement(row, this.colours)));
    while (this.body.childElementCount > this.rows.length) {
      this.body.lastChild.remove();
    }
    this.drawEmpty();
  }

  drawEmpty() {
    this.empty.hidden = this.rows.length > 0;
    const isFiltered = this.types.length > 0 || this.search.value !== "";
    this.empty.textContent = isFiltered ? "None of the newest logs match" : "No logs to show";
  }
}

export function render({ model, el }) {
  const table = new LogTable(model, el);
  model.on("msg:custom", (message) => table.take(message));
  table.drawEmpty();
  table.ask();
}
