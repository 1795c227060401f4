// The table of logs: rows by time, newest first; older ones come as one scrolls to them.

class LogTable {
  // `more` is called for older rows than a place, `whole` for the rest of a text, `changed` when a row opens or closes.
  constructor({ more, whole, changed, act }) {
    Object.assign(this, { more, whole, changed, act });
    this.opened = new Set();
    this.columns = [];
    this.colours = new Map();
    this.gaps = []; // rows of pruned logs, the newest first
    this.marks = []; // texts that were searched for
    this.zone = "UTC";
    this.isAll = true;
    this.reached = null; // the place down to which all rows are here; open rows may lie behind it
    this.asked = null; // the place before which rows were asked for
    this.day = formatDay(Date.now());
    this.root = element("div", "scroll");
    this.makeTable();
    this.root.addEventListener("scroll", () => this.look(), { passive: true });
  }

  makeTable() {
    this.head = element("tr");
    const thead = element("thead");
    thead.append(this.head);
    this.body = element("tbody");
    this.body.addEventListener("click", (event) => this.click(event));
    this.body.addEventListener("keydown", (event) => this.walk(event));
    this.body.addEventListener("focusin", (event) => this.setCurrent(event.target.closest("tr").log.root));
    const table = element("table");
    table.setAttribute("aria-label", "Logs, newest first");
    table.append(thead, this.body);
    this.nothing = element("div", "empty");
    this.end = element("p", "end");
    this.root.append(table, this.nothing, this.end);
    this.drawHead();
  }

  drawHead() {
    const names = ["time", "type", "source", ...this.columns, "message", "attributes"];
    this.head.replaceChildren(...names.map((name, place) => {
      const isColumn = place >= 3 && place < 3 + this.columns.length;
      const cell = showText(element("th", isColumn ? "column" : name), name);
      cell.scope = "col";
      if (isColumn) {
        const button = element("button", "remove", "×");
        button.type = "button";
        button.setAttribute("aria-label", `Remove the column ${visibleText(name)}`);
        button.addEventListener("click", () => this.act.column(name));
        cell.append(button);
      }
      return cell;
    }));
  }

  setColumns(columns) {
    if (columns.join("\n") !== this.columns.join("\n")) {
      this.columns = [...columns];
      this.drawHead();
      [...this.body.children].forEach((row) => row.log.setColumns(this.columns));
    }
  }

  click(event) {
    // Who marks text to copy it does not mean to close the row; a key is no mark.
    if (event.target.closest(".detail") !== null || (event.detail !== 0 && !getSelection().isCollapsed)) {
      return;
    }
    const row = event.target.closest("tr[data-seq]");
    if (row !== null) {
      this.setCurrent(row);
      this.open(row.log, !row.log.isOpen);
    }
  }

  // Rows are one stop of the keyboard; arrows, and j and k, walk from one to the next.
  walk(event) {
    const row = event.target.closest("tr").log.root;
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input")) {
      return;
    }
    const targets = {
      ArrowDown: this.beside(row, 1), ArrowUp: this.beside(row, -1), Home: this.logRows[0], End: this.logRows.at(-1),
    };
    if (event.key in targets) {
      event.preventDefault();
      targets[event.key]?.log.toggle.focus();
    } else if (event.key === "Escape" && row.log.isOpen) {
      event.stopPropagation();
      this.open(row.log, false);
      row.log.toggle.focus();
    }
  }

  // Go to the next row, or the one before.
  stepTo(way) {
    const row = this.current?.isConnected && this.root.getRootNode().activeElement === this.current.log.toggle
      ? this.beside(this.current, way)
      : this.current ?? this.logRows[0];
    row?.log.toggle.focus();
  }

  // The rows of logs, without those of gaps.
  get logRows() {
    return [...this.body.querySelectorAll("tr[data-seq]")];
  }

  // The row of a log before another, or behind it.
  beside(row, way) {
    do {
      row = way > 0 ? row.nextElementSibling : row.previousElementSibling;
    } while (row && !row.matches("[data-seq]"));
    return row;
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
    this.changed();
  }

  make(rows) {
    return rows.map((row) => new LogRow(row, this));
  }

  replace(rows, isAll, gaps) {
    this.body.replaceChildren();
    this.gaps = gaps.map((gap) => new GapRow(gap, this));
    this.setCurrent(null);
    this.asked = null;
    this.isAll = isAll;
    this.reached = rows.at(-1) ?? null;
    this.limit = Math.max(rows.length, 200);
    this.put(this.make(rows));
    this.placeGaps();
    this.root.scrollTop = 0;
    this.drawEnd();
  }

  // Rows that have come: they stand where their time is, mostly at the top.
  fresh(rows) {
    this.removeGaps(); // what is counted are logs
    this.put(this.make(rows.filter(([seq]) => this.rowOf(seq) === null)));
    this.trim();
    this.placeGaps();
    this.drawEnd();
  }

  // More has come than is here: what is older than a place has gaps, and is asked for anew.
  cut(place) {
    const log = { timestamp: place[TIMESTAMP], seq: place[SEQ] };
    const older = [...this.body.children].filter((row) => isNewer(log, row.log) && !row.log.isOpen);
    older.forEach((row) => row.remove());
    if (this.isReached(log)) {
      this.reached = place;
      this.isAll = false;
    }
    this.placeGaps();
    this.drawEnd();
  }

  older(rows, isAll) {
    this.asked = null;
    this.isAll = isAll;
    this.reached = rows.at(-1) ?? this.reached;
    const top = this.root.scrollTop;
    this.put(this.make(rows.filter(([seq]) => this.rowOf(seq) === null)));
    this.limit = Math.max(this.limit, this.logRows.length);
    this.placeGaps();
    this.drawEnd();
    this.root.scrollTop = top; // who sees an open row behind them would be taken along with it, and ask without end
    this.look();
  }

  // What comes is newer than most rows, or older.
  put(made) {
    for (const log of made) {
      this.insert(log);
      if (this.opened.has(log.seq)) {
        log.open(true);
      }
    }
    if (!this.current?.isConnected) {
      this.setCurrent(this.logRows[0] ?? null);
    }
  }

  insert(log) {
    let before = this.body.lastElementChild;
    if (before !== null && isNewer(log, this.body.firstElementChild.log)) {
      before = null;
    }
    while (before !== null && isNewer(log, before.log)) {
      before = before.previousElementSibling;
    }
    this.body.insertBefore(log.root, before === null ? this.body.firstElementChild : before.nextElementSibling);
  }

  removeGaps() {
    this.gaps.forEach((gap) => gap.root.remove());
  }

  // Gaps stand among rows, down to where all rows are here.
  placeGaps() {
    this.removeGaps();
    this.gaps.filter((gap) => this.isReached(gap)).forEach((gap) => this.insert(gap));
  }

  isRead(row) {
    return row.log.isOpen || row.contains(this.root.getRootNode().activeElement);
  }

  // What has slid out of the range goes, unless somebody reads it.
  dropBefore(since) {
    this.removeGaps();
    this.gaps = this.gaps.filter((gap) => gap.timestamp >= since);
    for (let row = this.body.lastElementChild; row && row.log.timestamp < since; ) {
      const before = row.previousElementSibling;
      if (!this.isRead(row)) {
        row.remove();
      }
      row = before;
    }
    this.placeGaps();
  }

  // A row that somebody reads stays until it is closed.
  trim() {
    for (let row = this.body.lastElementChild; row && this.body.childElementCount > this.limit; ) {
      const before = row.previousElementSibling;
      if (!this.isRead(row)) {
        if (this.isReached(row.log)) {
          this.reached = before && placeOf(before.log);
          this.isAll = false;
        }
        row.remove();
      }
      row = before;
    }
  }

  isReached(log) {
    return this.isAll || (this.reached !== null && !isNewer({ timestamp: this.reached[TIMESTAMP], seq: this.reached[SEQ] }, log));
  }

  // Ask for older rows before the end is seen.
  look() {
    const left = this.root.scrollHeight - this.root.scrollTop - this.root.clientHeight;
    if (left < 600 && this.root.scrollTop > 0) {
      this.askOlder();
    }
  }

  askOlder() {
    if (!this.isAll && this.asked === null && this.reached !== null) {
      this.asked = [this.reached[TIMESTAMP], this.reached[SEQ]];
      this.more(this.asked);
      this.drawEnd();
    }
  }

  // What was asked for does not come.
  askNoMore() {
    this.asked = null;
    this.drawEnd();
  }

  drawEnd() {
    const count = this.logRows.length;
    this.end.replaceChildren();
    if (count === 0) {
      return;
    }
    if (this.isAll) {
      this.end.textContent = `${formatWhole(count)} ${count === 1 ? "log" : "logs"}; the range has no older ones that match${this.gaps.length > 0 ? " and are kept" : ""}.`;
    } else if (this.asked !== null) {
      this.end.textContent = "Reading older logs …";
    } else {
      const button = element("button", "more-rows", "Older logs");
      button.type = "button";
      button.addEventListener("click", () => this.askOlder());
      this.end.append(button);
    }
  }

  rowOf(seq) {
    return this.body.querySelector(`tr[data-seq="${seq}"]`);
  }

  // What was of today is of yesterday after midnight.
  keepDay() {
    const day = formatDay(Date.now());
    if (day !== this.day) {
      this.day = day;
      this.drawTimes();
    }
  }

  drawTimes() {
    [...this.body.children].forEach((row) => row.log.drawTime());
  }
}

function placeOf({ timestamp, seq }) {
  return [seq, timestamp]; // as a row has it
}

function isNewer(some, other) {
  return some.timestamp > other.timestamp || (some.timestamp === other.timestamp && some.seq > other.seq);
}
