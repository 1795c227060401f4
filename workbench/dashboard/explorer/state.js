// What the page shows, as its address says it: ?from=&to=&q=&type=&source=&by=&cols=&tz=&measure=&scale=log&wrap=on&live=&seq=&tab=patterns

const MAX_ASKED = 36; // as in messages.py
const MAX_QUERY = 4000;
const MAX_NAME = 500;
const MAX_TEXT = 100;
const TABS = ["explore", "patterns", "sources", "archives", "health"];
const THEMES = ["light", "dark"];

class State {
  constructor(isKept) {
    this.isKept = isKept;
    this.read();
  }

  read() {
    const said = new URLSearchParams(this.isKept ? location.search : "");
    this.doubts = []; // sentences: what the address says and the page does not show
    const one = (name, isKnown, otherwise) => {
      const [value = "", ...more] = said.getAll(name);
      if (more.length > 0) {
        this.doubts.push(`Of ${name}, which the address has ${more.length + 1} times, the first counts.`);
      }
      if (value === "" || isKnown(value)) {
        return value;
      }
      this.doubts.push(`The address says ${name}=${shortened(value)}: ${otherwise}.`);
      return "";
    };
    const upTo = (most) => (value) => value.length <= most;
    const isOneOf = (values) => (value) => values.includes(value);
    const many = (name, isKnown, otherwise) => {
      const values = [...new Set(said.getAll(name))].filter((each) => each !== "");
      const known = values.filter(isKnown);
      values.filter((each) => !isKnown(each)).forEach((each) => this.doubts.push(`The address says ${name}=${shortened(each)}: ${otherwise}.`));
      if (known.length > MAX_ASKED) {
        this.doubts.push(`The address has ${known.length} times ${name}; the first ${MAX_ASKED} count.`);
      }
      return known.slice(0, MAX_ASKED);
    };
    const names = (name) => many(name, upTo(MAX_NAME), "that is longer than any name, and left out");
    this.query = one("q", upTo(MAX_QUERY), `a query has up to ${MAX_QUERY} characters, so none is asked`);
    this.types = names("type");
    this.sources = names("source");
    this.begin = one("from", upTo(MAX_TEXT), "that is no time, so the newest logs are shown");
    this.end = one("to", upTo(MAX_TEXT), "that is no time, so the range ends now");
    this.zone = one("tz", isZone, "there is no such time zone, so times are in UTC") || "UTC";
    this.by = one("by", upTo(MAX_NAME), "that is longer than any name, so the chart counts by type") || "type";
    this.measure = one("measure", upTo(MAX_NAME), "that is longer than any name, and left out");
    this.scale = one("scale", isOneOf(["log"]), "there is only log, so the scale is linear");
    this.isWrapped = one("wrap", isOneOf(["on"]), "there is only on, so messages are not wrapped") === "on";
    this.columns = names("cols");
    this.view = one("tab", isOneOf(TABS), "there is no such tab, so this is Explore") === "patterns" ? "patterns" : "";
    one("theme", isOneOf(THEMES), "there are only light and dark, so the theme is that of this browser");
    const through = one("live", isSeq, "that is no seq of a log, so the page is not paused");
    this.through = through === "" ? null : Number(through); // the newest log shown while paused
    this.opened = many("seq", isSeq, "that is no seq of a log, and not opened").map(Number);
  }

  search() {
    const said = new URLSearchParams(this.isKept ? location.search : "");
    for (const name of ["from", "to", "q", "type", "source", "tz", "by", "measure", "scale", "wrap", "cols", "live", "seq"]) {
      said.delete(name);
    }
    const put = (name, value, usual = "") => value !== usual && said.set(name, value);
    put("from", this.begin);
    put("to", this.end);
    put("q", this.query);
    this.types.forEach((each) => said.append("type", each));
    this.sources.forEach((each) => said.append("source", each));
    put("tz", this.zone, "UTC");
    put("by", this.by, "type");
    put("measure", this.measure);
    put("scale", this.scale);
    put("wrap", this.isWrapped ? "on" : "");
    if (this.view === "patterns") {
      said.set("tab", "patterns");
    } else if (said.get("tab") === "patterns" || !TABS.includes(said.get("tab"))) {
      said.delete("tab");
    }
    if (!THEMES.includes(said.get("theme"))) {
      said.delete("theme");
    }
    this.columns.forEach((each) => said.append("cols", each));
    if (this.through) { // 0: which log is the newest is only just being asked
      said.set("live", this.through);
    }
    this.opened.forEach((each) => said.append("seq", each));
    return said.size > 0 ? `?${said}` : "";
  }

  // A change that somebody would undo by going back is a step of its own.
  write({ isStep = false } = {}) {
    if (!this.isKept) {
      return;
    }
    const address = `${location.pathname}${this.search()}${location.hash}`;
    if (address === `${location.pathname}${location.search}${location.hash}`) {
      return;
    }
    if (isStep) {
      history.pushState(history.state, "", address);
    } else {
      history.replaceState(history.state, "", address);
    }
  }
}

function isSeq(text) {
  return /^\d{1,15}$/.test(text);
}

function shortened(text) {
  return `“${visibleText(text.length > 60 ? `${text.slice(0, 60)}…` : text)}”`;
}

function isZone(name) {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}
