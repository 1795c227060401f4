// One log as a row of the table. Whatever comes from a log becomes text, never markup.

const SEQ = 0, TIMESTAMP = 1, TYPE = 2, SOURCE = 3, MESSAGE = 4, ATTRIBUTES = 5, MESSAGE_REST = 6, ATTRIBUTES_REST = 7;

// One log: a row that opens, and then shows all of its message and attributes.
class LogRow {
  constructor(row, colours, askWhole) {
    this.seq = row[SEQ];
    this.timestamp = row[TIMESTAMP];
    this.askWhole = askWhole;
    this.texts = {
      message: { text: row[MESSAGE], rest: row[MESSAGE_REST], end: 0, trouble: "" },
      attributes: { text: row[ATTRIBUTES], rest: row[ATTRIBUTES_REST], end: 0, trouble: "" },
    };
    this.root = this.makeRow(row, colours);
    this.root.log = this;
    this.drawText("message");
    this.drawText("attributes");
  }

  makeRow(row, colours) {
    const made = element("tr");
    made.dataset.seq = this.seq;
    made.dataset.type = row[TYPE];
    const colour = colours.get(row[TYPE]);
    if (colour !== undefined) {
      made.style.setProperty("--type-colour", colour);
    }
    this.toggle = element("button", "toggle");
    this.toggle.type = "button";
    this.toggle.tabIndex = -1;
    this.toggle.setAttribute("aria-expanded", "false");
    this.toggle.title = `${new Date(this.timestamp).toISOString()}, seq ${this.seq}`;
    const time = element("td", "time");
    time.append(this.toggle);
    this.drawTime();
    const type = element("td", "type");
    type.append(element("i", "mark"), showText(element("span"), row[TYPE]));
    type.title = visibleText(row[TYPE]);
    const source = showText(element("td", "source"), row[SOURCE]);
    source.title = visibleText(row[SOURCE]);
    this.cells = { message: element("td", "message"), attributes: element("td", "attributes") };
    made.append(time, type, source, this.cells.message, this.cells.attributes);
    return made;
  }

  get isOpen() {
    return this.root.classList.contains("open");
  }

  drawTime() {
    this.toggle.textContent = formatTime(this.timestamp);
  }

  open(isOpen) {
    this.root.classList.toggle("open", isOpen);
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    for (const part of ["message", "attributes"]) {
      if (isOpen && this.texts[part].rest > 0 && this.texts[part].end === 0) {
        this.askWhole(this.seq, part, 0);
      }
    }
  }

  take({ part, begin, text, end, rest, trouble = "" }) {
    const known = this.texts[part];
    if (trouble !== "") {
      known.trouble = trouble;
    } else if (begin === known.end) {
      this.texts[part] = { text: (begin === 0 ? "" : known.text) + text, rest, end, trouble };
    }
    this.drawText(part);
  }

  drawText(part) {
    const { text, rest, end, trouble } = this.texts[part];
    const cell = this.cells[part];
    cell.replaceChildren();
    if (part === "message") {
      showText(cell, text, UNSEEN);
    } else {
      drawAttributes(cell, text);
    }
    if (rest === 0) {
      return;
    }
    if (trouble !== "") {
      cell.append(element("span", "cut", `… ${formatBytes(rest)} more. ${trouble}`));
      return;
    }
    const more = element("button", "more", `… ${formatBytes(rest)} more`);
    more.type = "button";
    // Who walks through closed rows by key is not stopped twice in each.
    more.tabIndex = end === 0 ? -1 : 0;
    more.addEventListener("click", (event) => {
      if (this.isOpen) {
        event.stopPropagation();
        this.askWhole(this.seq, part, this.texts[part].end);
      }
    });
    cell.append(more);
  }
}

function drawAttributes(cell, text) {
  for (const [name, value, isWhole] of membersOf(text)) {
    const pair = showText(element("span", "pair"), name);
    pair.append("=", showText(element("b"), value));
    if (!isWhole) {
      pair.append("…");
    }
    cell.append(pair, " ");
  }
}
