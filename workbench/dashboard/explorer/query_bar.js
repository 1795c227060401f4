// The bar of the query: its text, what may complete it, and where it is at fault.

const MOST_OPTIONS = 12;
const MOST_ANSWERS = 50;
const NAME_BEFORE = /(?:^|[\s(])-?()([^\s"():=<>!~]*)$/;
const VALUE_BEFORE = /(?:^|[\s(])-?([^\s"():=<>!~]+(?:!=|<=|>=|[:=<>]))([^\s"()]*)$/;

class QueryBar {
  // `change` is called with the text when somebody has written it; `complete` asks what may stand at a place.
  constructor(text, change, complete) {
    this.change = change;
    this.complete = complete;
    this.answers = new Map(); // what may stand behind a text such as "status:"; the empty one is before a name
    this.isWanted = false;
    this.root = element("div", "query-bar");
    this.input = element("input");
    this.input.type = "search";
    this.input.maxLength = MAX_QUERY;
    this.input.value = text;
    this.input.placeholder = 'Search: "timed out" status>=500 -path:/health';
    this.input.spellcheck = false;
    this.input.autocomplete = "off";
    this.input.setAttribute("aria-label", "Query");
    this.input.setAttribute("role", "combobox");
    this.input.setAttribute("aria-autocomplete", "list");
    this.input.setAttribute("aria-expanded", "false");
    this.input.setAttribute("aria-controls", "suggestions");
    this.input.title = "Press / to come here";
    this.list = element("ul", "suggestions");
    this.list.id = "suggestions";
    this.list.setAttribute("role", "listbox");
    this.list.setAttribute("aria-label", "Suggestions");
    this.list.hidden = true;
    this.fault = element("p", "fault");
    this.fault.setAttribute("role", "alert");
    this.fault.hidden = true;
    this.input.addEventListener("input", () => this.wait());
    this.input.addEventListener("keydown", (event) => this.press(event));
    this.input.addEventListener("focus", () => this.complete("", 0)); // names are known before the first key
    this.input.addEventListener("blur", () => this.close());
    this.list.addEventListener("mousedown", (event) => {
      event.preventDefault(); // the bar keeps the focus
      const option = event.target.closest("li");
      if (option !== null) {
        this.take(option);
      }
    });
    this.root.append(this.input, this.list, this.fault);
  }

  get text() {
    return this.input.value;
  }

  set text(text) {
    clearTimeout(this.typing);
    this.input.value = text;
  }

  wait() {
    clearTimeout(this.typing);
    // What is clearly not written to its end waits for Enter.
    const isOpen = /[:=<>~(-]$/.test(this.input.value) || this.input.value.split('"').length % 2 === 0;
    if (!isOpen) {
      this.typing = setTimeout(() => this.change(this.input.value), 500);
    }
    this.ask();
  }

  press(event) {
    const options = [...this.list.children];
    const place = options.findIndex((each) => each.ariaSelected === "true");
    if (event.key === "ArrowDown" && this.list.hidden) {
      this.ask();
    } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length > 0) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      this.choose(options[(place + step + options.length + (place < 0 && step < 0 ? 1 : 0)) % options.length]);
    } else if ((event.key === "Enter" || event.key === "Tab") && place >= 0 && !this.list.hidden) {
      event.preventDefault();
      this.take(options[place]);
    } else if (event.key === "Enter") {
      clearTimeout(this.typing);
      this.close();
      this.change(this.input.value);
    } else if (event.key === "Escape") {
      event.preventDefault(); // Chromium would clear the text
      event.stopPropagation();
      if (this.list.hidden) {
        this.input.blur();
      } else {
        this.close();
      }
    }
  }

  choose(option) {
    for (const each of this.list.children) {
      each.setAttribute("aria-selected", String(each === option));
    }
    this.input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  // Ask what may stand at the cursor; until that is answered, what is known shows.
  ask() {
    this.isWanted = true;
    this.narrow();
    this.complete(this.input.value, this.input.selectionStart);
  }

  // What may stand at a place: texts, each with the span that it replaces and a note.
  suggest({ text, at, options }) {
    const place = termAt(text, at);
    const known = this.answers.get(place?.before);
    if (place !== null && !(known && place.start !== known.start && place.start.startsWith(known.start))) {
      if (this.answers.size >= MOST_ANSWERS) {
        this.answers.clear();
      }
      this.answers.set(place.before, { start: place.start, options });
    }
    if (text === this.input.value && at === this.input.selectionStart) {
      this.show(options);
    } else {
      this.narrow();
    }
  }

  // Show what an earlier answer has for the text as it is now: the next may take a while.
  narrow() {
    const place = termAt(this.input.value, this.input.selectionStart);
    const known = this.answers.get(place?.before);
    if (!known || !place.start.startsWith(known.start)) {
      this.show([]); // what is there is of another place
      return;
    }
    const start = place.start.toLowerCase();
    const fits = ([replacement]) => replacement.replace(/^"/, "").toLowerCase().indexOf(start);
    const fitting = known.options.filter((each) => fits(each) >= 0).sort((a, b) => Math.sign(fits(a)) - Math.sign(fits(b)));
    this.show(fitting.map(([replacement, , , note]) => [replacement, place.begin, place.end, note]));
  }

  show(options) {
    if (!this.isWanted || this.input.getRootNode().activeElement !== this.input) {
      return;
    }
    this.list.replaceChildren(...options.slice(0, MOST_OPTIONS).map(([replacement, begin, end, note], place) => {
      const option = element("li");
      option.id = `suggestion-${place}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      Object.assign(option.dataset, { begin, end });
      option.replacement = replacement;
      showText(option, replacement);
      option.append(element("small", "", note));
      return option;
    }));
    this.list.hidden = options.length === 0;
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
  }

  take(option) {
    const { begin, end } = option.dataset;
    const before = this.input.value.slice(0, begin) + option.replacement;
    this.input.value = before + this.input.value.slice(end);
    this.input.setSelectionRange(before.length, before.length);
    this.close();
    this.wait();
  }

  close() {
    this.isWanted = false;
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  showFault(text, [begin]) {
    this.fault.hidden = text === "";
    this.fault.textContent = visibleText(text);
    this.input.toggleAttribute("aria-invalid", text !== "" && begin !== null);
  }
}

// The name or the value at whose end the cursor is: what stands before it, its begin so far, and what would be
// replaced. Null where it cannot be told by the text alone, as within quotes.
function termAt(text, cursor) {
  const before = text.slice(0, cursor);
  const found = VALUE_BEFORE.exec(before) ?? NAME_BEFORE.exec(before);
  if (found === null || before.split('"').length % 2 === 0) {
    return null;
  }
  const rest = found[1] === "" ? /^[^\s"():=<>!~]*:?/ : /^[^\s"()]*"?/;
  return { before: found[1], start: found[2], begin: cursor - found[2].length, end: cursor + rest.exec(text.slice(cursor))[0].length };
}
