// One log as a row of the table. Whatever comes from a log becomes text, never markup.

const SEQ = 0, TIMESTAMP = 1, TYPE = 2, SOURCE = 3, MESSAGE = 4, ATTRIBUTES = 5, MESSAGE_REST = 6, ATTRIBUTES_REST = 7;
const LONG_PAIR = 60; // characters that have no room beside others

// One log: a row that opens, and then shows all of its message, and its attributes over the whole width below.
class LogRow {
  constructor(row, table) {
    this.seq = row[SEQ];
    this.timestamp = row[TIMESTAMP];
    this.type = row[TYPE];
    this.source = row[SOURCE];
    this.table = table;
    this.texts = {
      message: { text: row[MESSAGE], rest: row[MESSAGE_REST], end: 0, trouble: "" },
      attributes: { text: row[ATTRIBUTES], rest: row[ATTRIBUTES_REST], end: 0, trouble: "" },
    };
    this.makeRow();
    this.root.log = this;
    this.drawText("message");
    this.drawText("attributes");
    this.setColumns(table.columns);
  }

  makeRow() {
    this.root = element("tr");
    this.root.dataset.seq = this.seq;
    this.root.dataset.type = this.type;
    const colour = this.table.colours.get(this.type);
    if (colour) {
      this.root.style.setProperty("--type-colour", colour);
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
    type.append(element("i", "mark"), showText(element("span"), this.type));
    type.title = visibleText(this.type);
    this.sourceCell = showText(element("td", "source"), this.source);
    this.sourceCell.title = visibleText(this.source);
    this.cells = { message: element("td", "message"), attributes: element("td", "attributes") };
    this.root.append(time, type, this.sourceCell, this.cells.message, this.cells.attributes);
  }

  makeDetailRow() {
    this.detail = element("tr", "detail-row");
    this.detail.log = this;
    this.detail.style.setProperty("--type-colour", this.root.style.getPropertyValue("--type-colour"));
    this.detailCell = element("td", "whole");
    this.detailCell.colSpan = this.width;
    this.detail.append(this.detailCell);
  }

  // How many columns there are.
  get width() {
    return 5 + this.table.columns.length;
  }

  setColumns(names) {
    this.root.querySelectorAll("td.column").forEach((each) => each.remove());
    if (names.length > 0) {
      const values = new Map(membersOf(this.texts.attributes.text).map(([name, value]) => [name, value]));
      this.sourceCell.after(...names.map((name) => {
        const value = values.get(name) ?? "";
        const cell = showText(element("td", "column"), value);
        cell.title = visibleText(value);
        return cell;
      }));
    }
    if (this.detail) {
      this.detailCell.colSpan = this.width;
    }
  }

  get isOpen() {
    return this.root.classList.contains("open");
  }

  drawTime() {
    this.toggle.textContent = formatTime(this.timestamp, this.table.zone);
  }

  open(isOpen) {
    this.root.classList.toggle("open", isOpen);
    this.toggle.setAttribute("aria-expanded", String(isOpen));
    for (const part of ["message", "attributes"]) {
      if (isOpen && this.texts[part].rest > 0 && this.texts[part].end === 0) {
        this.table.whole(this.seq, part, 0);
      }
    }
    if (isOpen) {
      if (!this.detail) {
        this.makeDetailRow();
      }
      this.cells.attributes.replaceChildren();
      this.root.after(this.detail);
    } else {
      this.detail?.remove();
    }
    this.cells.attributes.hidden = isOpen;
    this.cells.message.colSpan = isOpen ? 2 : 1;
    this.drawText("attributes");
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
    const cell = part === "attributes" && this.isOpen ? this.detailCell : this.cells[part];
    cell.replaceChildren();
    if (part === "message") {
      showMarked(cell, text, UNSEEN, this.table.marks);
    } else {
      this.drawAttributes(cell, text);
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
        this.table.whole(this.seq, part, this.texts[part].end);
      }
    });
    cell.append(more);
  }

  drawAttributes(cell, text) {
    if (this.isOpen) {
      cell.append(this.makeDetail());
    }
    const list = this.isOpen ? cell.appendChild(element("div", "pairs")) : cell;
    for (const [name, value, isWhole, isText] of membersOf(text)) {
      const pair = showText(element("span", name.length + value.length > LONG_PAIR ? "pair long" : "pair"), name);
      pair.append("=", showText(element("b"), value));
      if (!isWhole) {
        pair.append("…");
      }
      if (this.isOpen && isWhole) {
        pair.append(this.makeTools(name, value, isText));
      }
      list.append(pair, " ");
    }
  }

  makeTools(name, value, isText) {
    const tools = element("span", "pair-tools detail");
    const { act } = this.table;
    const shown = visibleText(value);
    const canAsk = value.length <= 200 && !/^[[{]/.test(value);
    if (canAsk) {
      tools.append(
        toolButton("+", `Only ${visibleText(name)} ${shown}`, () => act.pair({ name, value, is_text: isText }, false)),
        toolButton("−", `Without ${visibleText(name)} ${shown}`, () => act.pair({ name, value, is_text: isText }, true)),
      );
    }
    tools.append(
      toolButton("Column", `Show ${visibleText(name)} as a column`, () => act.column(name)),
      toolButton("Copy", `Copy ${visibleText(name)}`, () => act.copy(value)),
    );
    if (canAsk) {
      tools.append(toolButton("Around", `Logs around this one with the same ${visibleText(name)}`, () => act.around(this, { name, value, is_text: isText })));
    }
    return tools;
  }

  makeDetail() {
    const { act } = this.table;
    const root = element("div", "row-tools detail");
    root.append(
      element("small", "", `${new Date(this.timestamp).toISOString()} · seq ${this.seq}`),
      toolButton("Around", "Logs around this one of the same source", () => act.around(this, { name: "source", value: this.source, is_text: true, is_column: true })),
      toolButton("Around, any source", "Around, any source: all logs around this one", () => act.around(this, null)),
      toolButton("Copy message", "Copy message of this log", () => act.copy(this.texts.message.text)),
      toolButton("Copy link", "Copy link to this log", () => act.link(this)),
    );
    return root;
  }
}

function toolButton(text, name, act) {
  const button = element("button", "tool", text);
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", name);
  button.addEventListener("click", (event) => {
    event.stopPropagation();
    act();
  });
  return button;
}
