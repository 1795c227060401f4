// Draws the table of newest logs, and keeps what it shows in the address of the page.

const MAX_ASKED = 36; // as in log_table.py
const MAX_CONTAINS = 500;

// What the table shows, as the page's address says it: ?type=&q=&live=&seq=
class Address {
  constructor(isKept) {
    this.isKept = isKept;
  }

  read() {
    const said = new URLSearchParams(this.isKept ? location.search : "");
    const through = said.get("live");
    return {
      types: [...new Set(said.getAll("type"))].filter((each) => each !== "").slice(0, MAX_ASKED),
      contains: (said.get("q") ?? "").slice(0, MAX_CONTAINS),
      through: through !== null && isSeq(through) ? Number(through) : null,
      opened: said.getAll("seq").filter(isSeq).map(Number).slice(0, MAX_ASKED),
    };
  }

  write({ types, contains, through, opened }) {
    if (!this.isKept) {
      return;
    }
    const said = new URLSearchParams(location.search);
    for (const name of ["type", "q", "live", "seq"]) {
      said.delete(name);
    }
    types.forEach((each) => said.append("type", each));
    if (contains !== "") {
      said.set("q", contains);
    }
    if (through) { // 0: which log is the newest is only just being asked
      said.set("live", through);
    }
    opened.forEach((each) => said.append("seq", each));
    const search = said.size > 0 ? `?${said}` : "";
    history.replaceState(history.state, "", `${location.pathname}${search}${location.hash}`);
  }
}

function isSeq(text) {
  return /^\d{1,15}$/.test(text);
}

class LogTable {
  constructor(model, el) {
    this.model = model;
    this.address = new Address(model.keeps_address);
    const { types, contains, through, opened } = this.address.read();
    this.types = types; // those shown; all where it is empty
    this.through = through; // the newest log shown while it is paused; null while it is not
    this.opened = new Set(opened);
    this.unseen = 0;
    this.day = formatDay(Date.now());
    this.colours = new Map();
    this.root = element("div", "log-table");
    this.makeTools(contains);
    this.makeTable();
    el.append(this.root);
  }

  makeTools(contains) {
    const tools = element("div", "tools");
    this.choices = element("div", "choices");
    this.choices.setAttribute("role", "group");
    this.choices.setAttribute("aria-label", "Types shown");
    this.search = element("input");
    this.search.type = "search";
    this.search.maxLength = MAX_CONTAINS;
    this.search.value = contains;
    this.search.placeholder = "Message contains …";
    this.search.setAttribute("aria-label", "Message contains");
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.ask(), 250);
    });
    this.pause = element("button", "pause");
    this.pause.type = "button";
    this.pause.addEventListener("click", () => {
      this.through = this.through === null ? 0 : null;
      this.unseen = 0;
      this.drawPause();
      this.ask();
    });
    this.drawPause();
    this.moreTypes = element("span", "more-types");
    this.moreTypes.title = "Types without a button; ?type= in the address chooses them";
    tools.append(this.choices, this.moreTypes, this.search, this.pause);
    this.searched = element("p", "searched");
    this.root.append(tools, this.searched);
  }

  makeTable() {
    const head = element("tr");
    for (const name of ["time", "type", "source", "message", "attributes"]) {
      const cell = element("th", name, name);
      cell.scope = "col";
      head.append(cell);
    }
    const thead = element("thead");
    thead.append(head);
    this.body = element("tbody");
    this.body.addEventListener("click", (event) => {
      // Who marks text to copy it does not mean to close the row; a key is no mark.
      if (event.detail === 0 || getSelection().isCollapsed) {
        const row = event.target.closest("tr");
        if (row !== null) {
          this.setCurrent(row);
          this.open(row.log, !row.log.isOpen);
        }
      }
    });
    this.body.addEventListener("keydown", (event) => this.walk(event));
    this.body.addEventListener("focusin", (event) => this.setCurrent(event.target.closest("tr")));
    const table = element("table");
    table.setAttribute("aria-label", "Newest logs");
    table.append(thead, this.body);
    this.nothing = element("p", "empty");
    this.scroll = element("div", "scroll");
    this.scroll.append(table, this.nothing);
    this.root.append(this.scroll);
  }

  // Rows are one stop of the keyboard; arrows walk from one to the next.
  walk(event) {
    const row = event.target.closest("tr");
    const targets = {
      ArrowDown: row.nextElementSibling,
      ArrowUp: row.previousElementSibling,
      Home: this.body.firstElementChild,
      End: this.body.lastElementChild,
    };
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (event.key in targets) {
      event.preventDefault();
      targets[event.key]?.log.toggle.focus();
    } else if (event.key === "Escape" && row.log.isOpen) {
      this.open(row.log, false);
      row.log.toggle.focus();
    }
  }

  setCurrent(row) {
    if (this.current !== row) {
      if (this.current) {
        this.current.log.toggle.tabIndex = -1;
      }
      this.current = row;
      if (row) {
        row.log.toggle.tabIndex = 0;
      }
    }
  }

  open(log, isOpen) {
    log.open(isOpen);
    if (isOpen) {
      this.opened.add(log.seq);
      this.opened = new Set([...this.opened].slice(-MAX_ASKED));
    } else {
      this.opened.delete(log.seq);
    }
    this.writeAddress();
  }

  state() {
    return { types: this.types, contains: this.search.value, through: this.through, opened: [...this.opened] };
  }

  writeAddress() {
    this.address.write(this.state());
  }

  ask() {
    const { types, contains, through, opened } = this.state();
    this.model.send_msg({ type: "ask", types, contains, through, open: opened });
    this.writeAddress();
  }

  drawPause() {
    const waiting = this.unseen ? ` · ${formatCount(this.unseen)} new` : "";
    const isPaused = this.through !== null;
    this.pause.textContent = isPaused ? `Resume${waiting}` : "Pause";
    this.pause.setAttribute("aria-pressed", String(isPaused));
  }

  drawChoices(choices) {
    const known = new Map([...this.choices.children].map((each) => [each.dataset.type, each]));
    this.colours = new Map(choices.map(([type, , , colour]) => [type, colour]));
    const buttons = choices.map(([type, count, stored, colour]) => {
      const button = known.get(type) ?? this.makeChoice(type);
      button.style.setProperty("--type-colour", colour);
      button.lastChild.textContent = formatCount(count);
      button.title = `${visibleText(type)}: ${count} among the newest logs, ${Math.max(count, stored)} stored in all`;
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
    button.append(element("i", "mark"), showText(element("span"), type), element("b"));
    button.addEventListener("click", () => {
      const isChosen = this.types.includes(type);
      this.types = isChosen ? this.types.filter((each) => each !== type) : [...this.types, type].slice(-MAX_ASKED);
      for (const each of this.choices.children) {
        each.setAttribute("aria-pressed", String(this.types.includes(each.dataset.type)));
      }
      this.ask();
    });
    return button;
  }

  take(message) {
    dispatchEvent(new Event("waterline-heard"));
    if (message.kind === "rows") {
      this.takeRows(message);
    } else if (message.kind === "whole") {
      this.rowOf(message.seq)?.log.take(message);
    }
    this.keepDay();
  }

  takeRows({ replace, rows, limit, choices, moreTypes, searched, nothing, unseen, missing = [], through = null }) {
    this.drawChoices(choices);
    this.moreTypes.textContent = moreTypes > 0 ? `+ ${moreTypes} types` : "";
    if (replace) {
      this.body.replaceChildren();
      this.setCurrent(null);
      this.through = through;
      missing.forEach((each) => this.opened.delete(each));
      this.missing = missing;
      this.writeAddress();
    }
    this.unseen = unseen;
    this.drawPause();
    this.drawRows(rows, limit);
    this.drawSearched(searched, limit);
    this.nothing.hidden = this.body.childElementCount > 0;
    this.nothing.textContent = visibleText(nothing);
  }

  drawRows(rows, limit) {
    const askWhole = (seq, part, begin) => this.model.send_msg({ type: "whole", seq, part, begin });
    const made = rows.map((row) => new LogRow(row, this.colours, askWhole));
    this.body.prepend(...made.map((each) => each.root));
    made.filter((each) => this.opened.has(each.seq)).forEach((each) => each.open(true));
    // A row that somebody reads stays until it is closed.
    const active = this.root.getRootNode().activeElement;
    const isIdle = (row) => !row.log.isOpen && !row.contains(active);
    for (let row = this.body.lastElementChild; row && this.body.childElementCount > limit; ) {
      const before = row.previousElementSibling;
      if (isIdle(row)) {
        row.remove();
      }
      row = before;
    }
    if (!this.current?.isConnected) {
      this.setCurrent(this.body.firstElementChild);
    }
  }

  drawSearched(searched, limit) {
    const isFull = this.body.childElementCount >= limit;
    const said = [searched, isFull ? `the newest ${limit} that match are shown` : ""];
    if (this.missing?.length) {
      said.push(`log ${this.missing.join(", ")} is archived or gone, and not shown`);
    }
    this.searched.textContent = said.filter((each) => each !== "").join("; ");
  }

  rowOf(seq) {
    return this.body.querySelector(`tr[data-seq="${seq}"]`);
  }

  // What was of today is of yesterday after midnight.
  keepDay() {
    const day = formatDay(Date.now());
    if (day !== this.day) {
      this.day = day;
      [...this.body.children].forEach((row) => row.log.drawTime());
    }
  }
}

export function render({ model, el }) {
  const table = new LogTable(model, el);
  model.on("msg:custom", (message) => table.take(message));
  const watch = setInterval(() => table.keepDay(), 1000);
  model.on("remove", () => clearInterval(watch));
  table.ask();
}
