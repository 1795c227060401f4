// Fields with more values, such as ids, are not open of themselves.
const MOST_OPEN = 30;

// The fields of matching logs: their most frequent values, each to be asked for or left out.

class Fields {
  // `add` is called with a field's value and whether it is to be left out, `group`, `measure` and `show` with a field's name.
  constructor({ add, group, measure, show }) {
    Object.assign(this, { add, group, measure, show });
    this.opened = new Set(["source"]);
    this.root = element("aside", "fields");
    this.root.setAttribute("aria-label", "Fields");
    this.head = element("h2", "", "Fields");
    this.note = element("small");
    this.head.append(this.note);
    this.list = element("div", "field-list");
    this.root.append(this.head, this.list);
  }

  take({ fields, sample }) {
    this.note.textContent = sample > 0 ? `of the newest ${formatCount(sample)}` : "";
    if (this.opened.size === 1) { // the first fields are open of themselves
      fields.filter((each) => each.distinct > 1 && each.distinct <= MOST_OPEN).slice(0, 3).forEach((each) => this.opened.add(each.name));
    }
    this.sample = sample;
    this.list.replaceChildren(...fields.filter((each) => each.logs > 0).map((each) => this.makeField(each)));
  }

  makeField(field) {
    const root = element("details", "field");
    root.open = this.opened.has(field.name);
    root.dataset.name = field.name;
    root.addEventListener("toggle", () => {
      if (root.open) {
        this.opened.add(field.name);
      } else {
        this.opened.delete(field.name);
      }
    });
    const summary = element("summary");
    summary.append(showText(element("span", "name"), field.name));
    summary.append(element("small", "", `${formatCount(field.distinct)} · ${Math.round((100 * field.logs) / this.sample)}%`));
    summary.title = `${visibleText(field.name)}: ${field.distinct} values, in ${field.logs} of ${this.sample} logs`;
    root.append(summary);
    const tools = element("div", "field-tools");
    tools.append(this.makeTool("Chart", `Chart by ${field.name}`, () => this.group(field.name)));
    if (field.values.some(([text, isText]) => !isText && /^-?\d/.test(text))) {
      tools.append(this.makeTool("Percentiles", `Percentiles of ${field.name}`, () => this.measure(field.name)));
    }
    if (!field.is_column) {
      tools.append(this.makeTool("Column", `Show ${field.name} as a column`, () => this.show(field.name)));
    }
    root.append(tools);
    const most = Math.max(...field.values.map(([, , count]) => count), 1);
    for (const [text, isText, count] of field.values) {
      const row = element("div", "value");
      row.style.setProperty("--share", count / most);
      const name = showText(element("span"), text === "" ? '""' : text);
      name.title = `${visibleText(text)}: ${count} logs`;
      row.append(name, element("b", "", formatCount(count)));
      row.append(this.makeSign("+", "Only", field, text, isText, false), this.makeSign("−", "Without", field, text, isText, true));
      root.append(row);
    }
    return root;
  }

  makeTool(text, name, act) {
    const button = element("button", "", text);
    button.type = "button";
    button.title = visibleText(name);
    button.setAttribute("aria-label", visibleText(name));
    button.addEventListener("click", act);
    return button;
  }

  makeSign(sign, word, field, text, isText, isNegated) {
    const act = () => this.add({ name: field.name, value: text, is_text: isText, is_column: field.is_column }, isNegated);
    const button = this.makeTool(sign, `${word} ${field.name} ${text}`, act);
    button.classList.add("sign");
    return button;
  }
}
