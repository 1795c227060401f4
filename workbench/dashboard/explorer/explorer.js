// The explorer: asks for what the state says, and shows what is found as it comes.

const PERCENTILE_COLOURS = [["p50", "#56B4E9"], ["p95", "#3A7BD0"], ["p99", "#9A6FD6"], ["highest, which open on a click", "#D55E00"]];
const KEYS = [
  ["/", "Write a query"], ["j", "Next log"], ["k", "Log before"], ["Enter", "Open or close the log"], ["Esc", "Close"],
  ["p", "Pause or resume"], ["e", "Errors alone, or not"], ["[", "Earlier"], ["]", "Later"], ["t", "Choose a range of time"],
  ["g", "Go live"], ["l", "Copy the link"], ["?", "These keys"],
];

const HAS_FAULT = "What is asked has a fault; mend it first";

class Explorer {
  constructor(model, el) {
    this.model = model;
    this.state = new State(model.keeps_address);
    this.number = 0;
    this.hidden = new Set();
    this.root = element("div", "explorer blank");
    const { state } = this;
    this.query = new QueryBar(state.query, (text) => this.change({ query: text }), (query, at) => this.send({ type: "complete", query, at }));
    this.range = new TimeRange(state, (range) => this.change({ ...range, through: null }));
    this.fields = new Fields({
      add: (pair, isNegated) => this.edit({ pair, is_negated: isNegated }),
      group: (name) => this.change({ by: name }),
      measure: (name) => this.change({ measure: this.state.measure === name ? "" : name }),
      show: (name) => this.toggleColumn(name),
    });
    this.table = new LogTable({
      more: (before) => this.askOlder(before),
      whole: (seq, part, begin) => this.send({ type: "whole", seq, part, begin }),
      changed: () => this.keep(),
      act: {
        pair: (pair, isNegated) => this.edit({ pair, is_negated: isNegated }),
        column: (name) => this.toggleColumn(name),
        copy: (text) => this.copy(text),
        link: (log) => this.copy(this.linkTo(log)),
        around: (log, pair) => this.askAround(log, pair),
      },
    });
    this.makeTools();
    this.makeChart();
    this.makeBody();
    this.makeDialogs();
    el.append(this.root);
    this.applyState();
    this.listen();
  }

  makeTools() {
    const tools = element("div", "tools");
    this.pause = element("button", "pause");
    this.pause.type = "button";
    this.pause.addEventListener("click", () => this.togglePause());
    this.menu = element("details", "menu");
    const summary = element("summary", "icon", "⋯");
    summary.setAttribute("aria-label", "More");
    summary.title = "More";
    this.items = element("div", "menu-items");
    this.addItem("Copy link", () => this.copy(location.href));
    for (const [language, name] of [["python", "Copy as Python"], ["sql", "Copy as SQL"], ["command", "Copy as command"]]) {
      this.addItem(name, () => this.send({ type: "copy", language }));
    }
    for (const format of ["csv", "jsonl", "parquet"]) {
      this.addItem(`Download ${{ csv: "CSV", jsonl: "JSON lines", parquet: "Parquet" }[format]}`, () => this.download(format));
    }
    this.wrap = this.addItem("Wrap long messages", () => this.toggleWrap());
    this.views = new SavedViews(() => this.state.search(), (search) => this.open(search), () => (this.menu.open = false));
    this.items.append(this.views.root);
    this.addItem("Keys", () => this.showKeys());
    this.menu.append(summary, this.items);
    this.menu.addEventListener("focusout", (event) => {
      if (event.relatedTarget !== null && !this.menu.contains(event.relatedTarget)) {
        this.menu.open = false;
      }
    });
    tools.append(this.query.root, this.range.root, this.pause, this.menu);
    this.said = element("p", "said");
    this.said.setAttribute("role", "status");
    this.sentence = element("span");
    this.cancel = element("button", "cancel", "Cancel");
    this.cancel.type = "button";
    this.cancel.hidden = true;
    this.cancel.addEventListener("click", () => this.send({ type: "cancel" }));
    this.said.append(this.sentence, this.cancel);
    this.scale = element("button", "scale", "Log scale");
    this.scale.type = "button";
    this.scale.title = "Count on a logarithmic scale, so that few are seen beside many";
    this.scale.addEventListener("click", () => this.toggleScale());
    const row = element("div", "said-row");
    row.append(this.said, this.scale);
    this.doubts = element("p", "doubts");
    this.doubts.setAttribute("role", "status");
    this.root.append(tools, this.doubts, row);
  }

  addItem(name, act) {
    const button = element("button", "", name);
    button.type = "button";
    button.addEventListener("click", () => {
      this.menu.open = false;
      act();
    });
    this.items.append(button);
    return button;
  }

  makeChart() {
    this.chart = element("div", "chart histogram");
    this.chart.setAttribute("role", "img");
    this.legend = element("div", "legend");
    this.chart.append(this.model.get_child("chart"));
    this.measured = element("div", "measured");
    this.measuredHead = element("div", "legend");
    this.measuredChart = element("div", "chart");
    this.measuredChart.setAttribute("role", "img");
    this.measuredChart.append(this.model.get_child("measured"));
    this.measured.append(this.measuredHead, this.measuredChart);
    this.root.append(this.legend, this.chart, this.measured);
  }

  makeBody() {
    const body = element("div", "body");
    const logs = element("div", "logs");
    this.choices = element("div", "choices");
    this.choices.setAttribute("role", "group");
    this.choices.setAttribute("aria-label", "Types shown");
    this.moreTypes = element("span", "more-types");
    this.moreTypes.title = "Types without a button; type:NAME in the query asks for one";
    this.fieldsToggle = element("button", "fields-toggle", "Fields");
    this.fieldsToggle.type = "button";
    this.fieldsToggle.addEventListener("click", () => {
      const isShown = body.classList.toggle("shows-fields");
      this.fieldsToggle.setAttribute("aria-pressed", String(isShown));
    });
    this.tabs = element("div", "views");
    this.tabs.setAttribute("role", "group");
    this.tabs.setAttribute("aria-label", "Logs or patterns");
    for (const [name, words] of [["", "Logs"], ["patterns", "Patterns"]]) {
      const button = element("button", "", words);
      button.type = "button";
      button.dataset.view = name;
      button.addEventListener("click", () => this.show(name));
      this.tabs.append(button);
    }
    const row = element("div", "choice-row");
    row.append(this.fieldsToggle, this.tabs, this.choices, this.moreTypes);
    logs.append(row, this.table.root);
    this.patterns = new Patterns({
      act: { text: (text, isNegated) => this.leavePatterns(text, isNegated) },
      zone: () => this.state.zone,
      colour: (type) => this.table.colours.get(type),
    });
    logs.append(this.patterns.root);
    body.append(this.fields.root, logs);
    this.root.append(body);
  }

  makeDialogs() {
    this.dialog = element("dialog", "dialog");
    this.root.append(this.dialog);
    this.toast = element("p", "toast");
    this.toast.setAttribute("role", "status");
    this.toast.hidden = true;
    this.root.append(this.toast);
  }

  listen() {
    this.listeners = {
      popstate: () => {
        this.state.read();
        this.applyState();
        this.ask();
      },
      "waterline-zoom": ({ detail: [since, until] }) => {
        this.change({ begin: isoText(since), end: isoText(until), through: null });
      },
      // The log of a point, among those of its time.
      "waterline-open": ({ detail: [seq, since, until] }) => {
        if (seq > 0) {
          this.table.opened.add(seq);
          this.change({ begin: isoText(since), end: isoText(until), through: null });
        }
      },
      "waterline-zoom-out": () => (this.zoomed > 0 ? history.back() : this.range.widen()),
      keydown: (event) => this.press(event),
    };
    this.zoomed = 0;
    for (const [name, act] of Object.entries(this.listeners)) {
      addEventListener(name, act);
    }
  }

  stop() {
    for (const [name, act] of Object.entries(this.listeners)) {
      removeEventListener(name, act);
    }
  }

  // Keys of the page; who writes in a field means letters.
  press(event) {
    const target = event.composedPath()[0];
    const isWriting = target instanceof Element && target.matches("input, select, textarea, [contenteditable]");
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || this.root.getRootNode().host?.closest("[hidden]")) {
      return;
    }
    if (event.key === "Escape" && isWriting) {
      target.blur();
      return;
    }
    const acts = {
      "/": () => this.query.input.focus(),
      j: () => this.table.stepTo(1),
      k: () => this.table.stepTo(-1),
      p: () => this.pause.click(),
      e: () => this.toggleType("error"),
      t: () => this.range.button.click(),
      l: () => this.copy(location.href),
      g: () => this.change({ begin: "-5min", end: "", through: null }),
      "?": () => this.showKeys(),
      "[": () => this.range.step(-1),
      "]": () => this.range.step(1),
    };
    if (!isWriting && event.key in acts) {
      event.preventDefault();
      acts[event.key]();
    }
  }

  send(message) {
    this.model.send_msg(message);
  }

  // Change what is shown, as a step that one can go back.
  change(changes) {
    const isSame = Object.entries(changes).every(([name, value]) => String(this.state[name]) === String(value));
    Object.assign(this.state, changes);
    this.state.opened = [...this.table.opened];
    if (!isSame) {
      this.zoomed += 1;
      this.state.doubts = [];
      this.state.write({ isStep: true });
    }
    this.applyState();
    this.ask();
  }

  // Keep which rows are open, without a step and without asking.
  keep() {
    this.state.opened = [...this.table.opened];
    this.state.write();
  }

  applyState() {
    const { state } = this;
    if (this.query.text !== state.query) {
      this.query.text = state.query;
    }
    this.range.show(state);
    this.table.zone = state.zone;
    this.table.opened = new Set(state.opened);
    this.table.setColumns(state.columns);
    this.unseen = 0;
    this.drawPause();
    this.drawPressed();
    this.drawScale();
    this.drawWrap();
    this.doubts.textContent = state.doubts.join(" ");
    this.applyView();
    this.applyMeasure();
  }

  applyMeasure() {
    const { measure } = this.state;
    this.measured.hidden = measure === "";
    const head = showText(element("b"), measure);
    const none = toolButton("×", "No percentiles", () => this.change({ measure: "" }));
    this.measuredHead.replaceChildren("percentiles of ", head, none, ...PERCENTILE_COLOURS.map(([name, colour]) => {
      const item = element("span", "label");
      item.style.setProperty("--type-colour", colour);
      item.append(element("i", "mark"), name);
      return item;
    }));
    this.measuredChart.setAttribute("aria-label", `Percentiles of ${visibleText(measure)} by time`);
    dispatchEvent(new Event("resize")); // a chart has no size while it is hidden
  }

  ask() {
    this.number += 1;
    if (this.drawnBy !== this.state.by) { // other labels
      this.drawnBy = this.state.by;
      this.hidden.clear();
    }
    this.askDrawn();
    const { query, types, sources, begin, end, zone, by, measure, through, opened } = this.state;
    this.send({ type: "ask", number: this.number, query, types, sources, begin, end, zone, by, measure, through, open: opened, width: this.root.clientWidth });
    this.root.classList.add("searches");
    clearTimeout(this.slow);
    this.isSlow = false;
    this.progress = "Searching …";
    this.slow = setTimeout(() => {
      this.isSlow = true;
      this.sayProgress(this.progress);
    }, 400);
  }

  // Show the logs, or their patterns.
  show(view) {
    this.state.view = view;
    this.state.write({ isStep: true });
    this.applyView();
    this.askPatterns();
  }

  applyView() {
    const isPatterns = this.state.view === "patterns";
    this.table.root.hidden = isPatterns;
    this.patterns.root.hidden = !isPatterns;
    for (const each of this.tabs.children) {
      each.setAttribute("aria-pressed", String(each.dataset.view === this.state.view));
    }
  }

  // Patterns take longest, so they wait for the counts; those of an earlier ask are not shown meanwhile.
  askPatterns() {
    if (this.state.view !== "patterns" || this.patternsOf === this.number) {
      return;
    }
    if (this.root.classList.contains("faulty")) {
      this.patterns.say(HAS_FAULT);
      return;
    }
    this.patterns.wait();
    if (!this.root.classList.contains("searches")) {
      this.patternsOf = this.number;
      this.send({ type: "patterns", number: this.number });
    }
  }

  askOlder(before) {
    if (this.root.classList.contains("faulty")) { // of which question?
      this.table.askNoMore();
      return;
    }
    this.send({ type: "more", number: this.number, before });
  }

  leavePatterns(text, isNegated) {
    this.state.view = "";
    this.edit({ text, is_negated: isNegated });
  }

  // Show what an address says.
  open(search) {
    history.pushState(history.state, "", `${location.pathname}${search}`);
    dispatchEvent(new PopStateEvent("popstate"));
  }

  showKeys() {
    const list = element("dl", "keys");
    for (const [key, words] of KEYS) {
      const pair = element("div");
      const term = element("dt");
      term.append(element("kbd", "", key));
      pair.append(term, element("dd", "", words));
      list.append(pair);
    }
    this.showDialog("Keys", list);
  }

  showDialog(title, content) {
    const head = element("h2", "", title);
    head.append(toolButton("×", "Close", () => this.dialog.close()));
    this.dialog.setAttribute("aria-label", title);
    this.dialog.replaceChildren(head, content);
    this.dialog.showModal();
  }

  // Terms are written by those who read them.
  edit(change) {
    this.send({ type: "edit", query: this.query.text, ...change });
  }

  toggleColumn(name) {
    const { columns } = this.state;
    this.state.columns = columns.includes(name) ? columns.filter((each) => each !== name) : [...columns, name].slice(-MAX_ASKED);
    this.state.write({ isStep: true });
    this.table.setColumns(this.state.columns);
  }

  toggleType(type) {
    const { types } = this.state;
    this.change({ types: types.includes(type) ? types.filter((each) => each !== type) : [...types, type].slice(-MAX_ASKED) });
  }

  togglePause() {
    if (this.root.classList.contains("faulty")) {
      this.tell(HAS_FAULT);
      return;
    }
    if (this.state.through === null && this.state.end === "") {
      const { since, until } = this.range;
      this.resumed = this.state.begin;
      // The server's clock may be ahead of this one, and so may be that of who wrote a log.
      const newest = (this.table.logRows[0]?.log.timestamp ?? 0) + 1;
      this.change({ begin: isoText(since), end: isoText(Math.max(until, Date.now(), newest)), through: this.lastSeq ?? 0 });
    } else {
      this.change({ begin: this.resumed ?? this.range.asLast(), end: "", through: null });
    }
  }

  drawPause() {
    const follows = this.state.through === null && this.state.end === "";
    const waiting = this.unseen ? ` · ${formatCount(this.unseen)} new` : "";
    this.pause.textContent = follows ? "Pause" : this.state.through === null ? "Go live" : `Resume${waiting}`;
    this.pause.setAttribute("aria-pressed", String(!follows));
  }

  drawPressed() {
    for (const each of this.choices.children) {
      each.setAttribute("aria-pressed", String(this.state.types.includes(each.dataset.type)));
    }
  }

  take(message) {
    dispatchEvent(new Event("waterline-heard"));
    const isOld = message.number !== undefined && message.number !== this.number;
    if (!isOld) {
      this[`take_${message.kind}`]?.(message);
    }
    this.table.keepDay();
  }

  take_begun({ begin, end, through, waits, marks }) {
    this.table.marks = marks;
    Object.assign(this.state, { begin, end, through });
    this.state.write();
    this.range.show(this.state);
    this.query.showFault("", [null, null]);
    this.root.classList.remove("faulty");
    this.drawPause();
    this.root.classList.toggle("waits", waits !== null);
    if (waits !== null) {
      this.endSearch(waits);
    }
  }

  endSearch(sentence) {
    clearTimeout(this.slow);
    this.root.classList.remove("searches");
    this.cancel.hidden = true;
    this.said.classList.remove("lacks");
    this.sentence.textContent = sentence;
  }

  take_lines({ rows, is_all: isAll, gaps, last }) {
    this.table.replace(rows, isAll, gaps);
    this.lastSeq = last;
    this.drawNothing();
  }

  take_opened({ rows, gone }) {
    this.table.fresh(rows);
    gone.forEach((each) => this.table.opened.delete(each));
    this.gone = gone;
    this.keep();
  }

  take_fresh({ rows, is_all: isAll, last }) {
    this.table.fresh(rows);
    if (!isAll && rows.length > 0) {
      this.table.cut(rows.at(-1));
    }
    this.lastSeq = last;
    this.drawNothing();
  }

  take_older({ rows, is_all: isAll }) {
    this.table.older(rows, isAll);
  }

  take_whole(message) {
    this.table.rowOf(message.seq)?.log.take(message);
  }

  take_fields(message) {
    this.fields.take(message);
  }

  take_counted(message) {
    clearTimeout(this.slow);
    this.root.classList.remove("searches");
    if (this.root.classList.contains("blank")) {
      this.root.classList.remove("blank");
      dispatchEvent(new Event("resize")); // a chart has no size while it is hidden
    }
    this.counted = message;
    if (message.follows) {
      this.table.dropBefore(message.since);
    }
    this.drawChoices(message.choices);
    this.moreTypes.textContent = message.moreTypes > 0 ? `+ ${message.moreTypes} types` : "";
    this.drawLegend(message.legend);
    this.drawSaid();
    this.drawNothing();
    this.askPatterns();
  }

  take_range({ logs }) {
    this.counted.inRange = logs;
    this.drawSaid();
    this.drawNothing();
  }

  take_unseen({ count }) {
    this.unseen = count;
    this.drawPause();
  }

  take_progress({ told: [what, done, total] }) {
    this.progress = `Searching … ${what} ${formatWhole(done)}${total === null ? "" : ` of ${formatWhole(total)}`}`;
    if (this.isSlow) { // most searches end before one could read it
      this.sayProgress(this.progress);
    }
  }

  take_done() {
    this.isSlow = false;
    if (this.counted) {
      this.drawSaid();
    }
  }

  take_cancelled() {
    this.endSearch("Cancelled: what is shown may lack logs.");
  }

  // What is asked cannot be answered: what is there is of the question before, and said to be.
  take_fault({ text, at }) {
    this.endSearch(this.isBlank ? "Nothing is shown" : "NOT WHAT IS ASKED: what is shown is of the question before, or a part of the answer");
    this.said.classList.add("lacks");
    this.query.showFault(text, at);
    this.root.classList.add("faulty");
    this.drawNothing();
    this.askPatterns();
  }

  // Whether no answer has come yet.
  get isBlank() {
    return !this.counted && this.table.logRows.length === 0;
  }

  // What failed besides, while all that is shown stays right.
  take_trouble({ text }) {
    this.tell(text);
  }

  take_no_older({ text }) {
    this.table.askNoMore();
    this.tell(text);
  }

  take_no_patterns({ text }) {
    this.patterns.say(text);
  }

  take_patterns(message) {
    this.patterns.take(message);
  }

  take_suggestions(message) {
    this.query.suggest(message);
  }

  take_edited({ text }) {
    this.change({ query: text });
  }

  take_copied({ text }) {
    this.copy(text);
  }

  take_around(message) {
    this.drawAround(message);
  }

  sayProgress(text) {
    this.cancel.hidden = false;
    this.sentence.textContent = text;
  }

  drawSaid() {
    const { matches, inRange, seconds, hot, archived, files, size, lacks, missing, follows } = this.counted;
    const of = this.hasFilters && inRange !== null ? ` of ${formatWhole(inRange)} in this range` : "";
    const said = [`${formatWhole(matches)} ${matches === 1 ? "log" : "logs"}${of}`];
    if (!follows || seconds > 0.5) {
      said.push(`${seconds < 1 ? `${Math.max(1, Math.round(1000 * seconds))} ms` : `${seconds.toFixed(1)} s`}`);
    }
    if (archived > 0 || files > 0) {
      said.push(`${formatWhole(hot)} hot, ${formatWhole(archived)} archived`);
      said.push(files === 1 ? `1 archive file, ${formatBytes(size)}` : `${formatWhole(files)} archive files, ${formatBytes(size)}`);
    }
    const faults = [...missing, ...(lacks === null ? [] : [lacks])];
    said.push(faults.length === 0 ? "whole" : `NOT WHOLE: ${faults.join("; ")}`);
    if (this.gone?.length) {
      said.push(`log ${this.gone.join(", ")} is gone, and not shown`);
    }
    this.cancel.hidden = true;
    this.said.classList.toggle("lacks", faults.length > 0);
    this.sentence.textContent = visibleText(said.join(" · "));
    this.chart.setAttribute("aria-label", `${formatWhole(matches)} matching logs by time`);
    globalThis.skipStops?.(this.chart);
  }

  get hasFilters() {
    const { query, types, sources } = this.state;
    return query.trim() !== "" || types.length > 0 || sources.length > 0;
  }

  drawNothing() {
    const { nothing } = this.table;
    if (this.isBlank && this.root.classList.contains("faulty")) {
      nothing.hidden = false;
      const { query } = this.state;
      nothing.replaceChildren(element("p", "", this.query.fault.textContent));
      if (this.query.input.matches("[aria-invalid]")) {
        nothing.append(toolButton("Remove the query", `Remove the query ${visibleText(query)}`, () => this.change({ query: "" })));
      } else {
        nothing.append(this.makeWayOut());
      }
      return;
    }
    nothing.hidden = this.table.logRows.length > 0 || !this.counted || this.root.classList.contains("searches");
    if (nothing.hidden) {
      return;
    }
    const { stored, inRange } = this.counted;
    nothing.replaceChildren();
    if (stored === 0) {
      nothing.textContent = "No logs to show";
    } else if (inRange > 0) {
      nothing.textContent = `None of ${formatWhole(inRange)} logs in this range match.`;
    } else if (inRange === null) {
      nothing.textContent = "No log in this range matches.";
    } else {
      nothing.append(element("p", "", stored === null ? "No logs in this range." : `No logs in this range; ${formatWhole(stored)} ${stored === 1 ? "is" : "are"} stored.`));
      nothing.append(this.makeWayOut());
    }
  }

  makeWayOut() {
    const name = "Show the newest day with logs";
    return toolButton(name, name, () => this.change({ begin: "", end: "", zone: this.query.fault.hidden ? this.state.zone : "UTC", through: null }));
  }

  drawChoices(choices) {
    const known = new Map([...this.choices.children].map((each) => [each.dataset.type, each]));
    this.table.colours = new Map(choices.map(([type, , colour]) => [type, colour]));
    const buttons = choices.map(([type, count, colour]) => {
      const button = known.get(type) ?? this.makeChoice(type);
      button.style.setProperty("--type-colour", colour);
      button.lastChild.textContent = formatCount(count);
      button.title = `${visibleText(type)}: ${formatWhole(count)} logs match`;
      button.setAttribute("aria-pressed", String(this.state.types.includes(type)));
      return button;
    });
    const isSame = buttons.length === known.size && buttons.every((each, place) => each === this.choices.children[place]);
    if (!isSame) {
      this.choices.replaceChildren(...buttons);
    }
    for (const row of this.table.logRows) {
      const colour = this.table.colours.get(row.log.type);
      if (colour) {
        row.style.setProperty("--type-colour", colour);
      }
    }
  }

  makeChoice(type) {
    const button = element("button");
    button.type = "button";
    button.dataset.type = type;
    button.append(element("i", "mark"), showText(element("span"), type), element("b"));
    button.addEventListener("click", () => this.toggleType(type));
    return button;
  }

  drawLegend(legend) {
    this.legend.hidden = this.state.by === "type";
    const by = showText(element("b", ""), this.state.by);
    const back = toolButton("× by type", "Chart by type again", () => this.change({ by: "type" }));
    this.legend.replaceChildren("by ", by, back, ...legend.map(([label, count, colour]) => {
      const item = element("button", "label");
      item.type = "button";
      item.style.setProperty("--type-colour", colour);
      item.setAttribute("aria-pressed", String(!this.hidden.has(label)));
      item.title = "A click hides it or shows it again; with Shift it is shown alone";
      item.append(element("i", "mark"), showText(element("span"), label === "" ? "(none)" : label), element("b", "", formatCount(count)));
      item.addEventListener("click", (event) => this.hide(label, legend, event.shiftKey));
      return item;
    }));
  }

  hide(label, legend, isAlone) {
    const others = legend.map(([each]) => each).filter((each) => each !== label);
    if (isAlone) {
      this.hidden = new Set(others.every((each) => this.hidden.has(each)) ? [] : others);
    } else if (!this.hidden.delete(label)) {
      this.hidden.add(label);
    }
    this.askDrawn();
    this.drawLegend(legend);
  }

  // How the chart is drawn changes nothing of what is searched.
  askDrawn() {
    this.send({ type: "draw", hidden: [...this.hidden].slice(0, MAX_ASKED), scale: this.state.scale });
  }

  toggleScale() {
    this.state.scale = this.state.scale === "log" ? "" : "log";
    this.state.write({ isStep: true });
    this.drawScale();
    this.askDrawn();
  }

  toggleWrap() {
    this.state.isWrapped = !this.state.isWrapped;
    this.state.write({ isStep: true });
    this.drawWrap();
  }

  drawWrap() {
    this.root.classList.toggle("wraps", this.state.isWrapped);
    this.wrap.setAttribute("aria-pressed", String(this.state.isWrapped));
  }

  drawScale() {
    this.scale.setAttribute("aria-pressed", String(this.state.scale === "log"));
  }

  // The logs before and after one with the same value of a field, or all.
  askAround(log, pair) {
    this.sharing = pair === null ? "" : `${pair.name} ${pair.value}`;
    this.send({ type: "around", seq: log.seq, timestamp: log.timestamp, shared: pair });
  }

  drawAround({ seq, rows }) {
    const title = this.sharing === "" ? "Around this log" : `Around this log, of the same ${visibleText(this.sharing)}`;
    const list = element("ol", "around-list");
    for (const row of rows) {
      const item = element("li", row[SEQ] === seq ? "this" : "");
      item.style.setProperty("--type-colour", this.table.colours.get(row[TYPE]) ?? "");
      item.append(element("time", "", formatTime(row[TIMESTAMP], this.state.zone)), element("i", "mark"), showText(element("span"), row[MESSAGE], UNSEEN));
      item.title = `${visibleText(row[TYPE])}, ${visibleText(row[SOURCE])}, seq ${row[SEQ]}`;
      list.append(item);
    }
    this.showDialog(title, list);
    list.querySelector(".this")?.scrollIntoView({ block: "center" });
  }

  linkTo(log) {
    const link = new URL(location.href);
    link.searchParams.delete("seq");
    link.searchParams.delete("live");
    link.searchParams.set("from", isoText(log.timestamp - 60_000));
    link.searchParams.set("to", isoText(log.timestamp + 60_000));
    link.searchParams.append("seq", log.seq);
    return link.href;
  }

  async copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      this.tell("Copied");
    } catch {
      this.tell(text); // a page that may not write there shows it instead
    }
  }

  tell(text) {
    clearTimeout(this.telling);
    this.toast.textContent = visibleText(text);
    this.toast.hidden = false;
    this.telling = setTimeout(() => (this.toast.hidden = true), text === "Copied" ? 1500 : 15_000);
  }

  download(format) {
    if (this.root.classList.contains("faulty")) {
      this.tell(HAS_FAULT);
      return;
    }
    const link = element("a");
    link.href = `${location.pathname}/download${this.state.search()}${this.state.search() === "" ? "?" : "&"}format=${format}`;
    link.download = "";
    link.click();
  }
}

export function render({ model, el }) {
  const explorer = new Explorer(model, el);
  model.on("msg:custom", (message) => explorer.take(message));
  const watch = setInterval(() => explorer.table.keepDay(), 1000);
  model.on("remove", () => {
    clearInterval(watch);
    explorer.stop();
  });
  explorer.ask();
}
