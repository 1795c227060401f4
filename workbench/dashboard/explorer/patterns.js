// The patterns of what is shown: what logs say apart from their values, and what is new in it.

const PATTERN = 0, LOGS = 1, SHARE = 2, PATTERN_TYPE = 3, FIRST = 5, LAST = 6, OVER_TIME = 7, EXAMPLE_SEQ = 8,
  EXAMPLE = 9, BEFORE = 10, IS_NEW = 11;

class Patterns {
  // `act.text` asks for logs with a text, or without it.
  constructor({ act, zone, colour }) {
    Object.assign(this, { act, zone, colour });
    this.root = element("div", "scroll patterns");
    this.note = element("p", "note");
    const table = element("table");
    table.setAttribute("aria-label", "Patterns, new ones first, then those that grew most");
    const head = element("tr");
    for (const name of ["logs", "change", "over time", "type", "pattern", "last seen"]) {
      const cell = element("th", name.replace(" ", "-"), name);
      cell.scope = "col";
      head.append(cell);
    }
    const thead = element("thead");
    thead.append(head);
    this.body = element("tbody");
    table.append(thead, this.body);
    this.root.append(this.note, table);
  }

  wait() {
    this.say("Reading what logs say …");
  }

  // Show a sentence in place of patterns.
  say(text) {
    this.note.textContent = visibleText(text);
    this.body.replaceChildren();
  }

  take({ rows, patterns, logs, before, lacks }) {
    const shown = rows.length < patterns ? `${formatWhole(rows.length)} of ${formatWhole(patterns)}` : formatWhole(patterns);
    const words = [`${shown} ${patterns === 1 ? "pattern" : "patterns"} of ${formatWhole(logs)} logs`];
    words.push(before > 0 ? `compared with ${formatWhole(before)} logs of the time before, as long` : "no logs in the time before to compare with");
    this.note.textContent = [...words, ...lacks].join("; ");
    const most = Math.max(...rows.map((row) => row[LOGS]), 1);
    this.body.replaceChildren(...rows.map((row) => this.makeRow(row, most, logs, before)));
  }

  makeRow(row, most, logs, before) {
    const root = element("tr");
    root.style.setProperty("--type-colour", this.colour(row[PATTERN_TYPE]) ?? "");
    root.style.setProperty("--share", row[LOGS] / most);
    const count = element("td", "logs", formatWhole(row[LOGS]));
    count.title = `${(100 * row[SHARE]).toPrecision(2)}% of the logs`;
    const change = element("td", "change");
    change.append(changeOf(row, logs, before));
    const type = element("td", "type");
    type.append(element("i", "mark"), showText(element("span"), row[PATTERN_TYPE]));
    const pattern = element("td", "pattern");
    const text = showText(element("div"), row[PATTERN]);
    const example = showText(element("small", "example"), row[EXAMPLE]);
    const tools = element("div", "row-tools");
    const words = longestWords(row[PATTERN]);
    if (words !== "") {
      tools.append(
        toolButton("Only these", `Only these: logs with ${visibleText(words)}`, () => this.act.text(words, false)),
        toolButton("Without these", `Without these: logs with ${visibleText(words)}`, () => this.act.text(words, true)),
      );
    }
    pattern.append(text, example, tools);
    const last = element("td", "time last-seen", formatTime(row[LAST], this.zone()));
    last.title = `first seen ${new Date(row[FIRST]).toISOString()}, example seq ${row[EXAMPLE_SEQ]}`;
    root.append(count, change, element("td", "over-time", row[OVER_TIME]), type, pattern, last);
    return root;
  }
}

function changeOf(row, logs, before) {
  if (before === 0) {
    return element("span", "", "");
  }
  if (row[IS_NEW]) {
    return element("b", "new", "new");
  }
  const ratio = row[LOGS] / logs / (row[BEFORE] / before);
  const text = ratio >= 9.95 ? `×${Math.round(ratio)}` : `×${ratio.toFixed(ratio < 1.995 && ratio > 0.1 ? 2 : 1)}`;
  const made = element("span", ratio >= 1.5 ? "grown" : "", text);
  made.title = `${formatWhole(row[BEFORE])} logs in the time before`;
  return made;
}

// The longest text of a pattern between its values, by which its logs can be found.
function longestWords(pattern) {
  return pattern.split(/<[^>]*>/).map((each) => each.trim()).sort((a, b) => b.length - a.length)[0] ?? "";
}
