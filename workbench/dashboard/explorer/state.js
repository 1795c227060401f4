// What the page shows, as its address says it: ?from=&to=&q=&type=&source=&by=&cols=&tz=&measure=&scale=log&live=&seq=&tab=patterns

const MAX_ASKED = 36; // as in messages.py
const MAX_QUERY = 4000;

class State {
  constructor(isKept) {
    this.isKept = isKept;
    this.read();
  }

  read() {
    const said = new URLSearchParams(this.isKept ? location.search : "");
    const names = (name) => [...new Set(said.getAll(name))].filter((each) => each !== "").slice(0, MAX_ASKED);
    const through = said.get("live");
    this.query = (said.get("q") ?? "").slice(0, MAX_QUERY);
    this.types = names("type");
    this.sources = names("source");
    this.begin = (said.get("from") ?? "").slice(0, 100);
    this.end = (said.get("to") ?? "").slice(0, 100);
    this.zone = isZone(said.get("tz")) ? said.get("tz") : "UTC";
    this.by = (said.get("by") || "type").slice(0, 500);
    this.measure = (said.get("measure") ?? "").slice(0, 500);
    this.scale = said.get("scale") === "log" ? "log" : "";
    this.columns = names("cols");
    this.view = said.get("tab") === "patterns" ? "patterns" : "";
    this.through = through !== null && isSeq(through) ? Number(through) : null; // the newest log shown while paused
    this.opened = said.getAll("seq").filter(isSeq).map(Number).slice(0, MAX_ASKED);
  }

  search() {
    const said = new URLSearchParams(this.isKept ? location.search : "");
    for (const name of ["from", "to", "q", "type", "source", "tz", "by", "measure", "scale", "cols", "live", "seq"]) {
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
    if (this.view === "patterns") {
      said.set("tab", "patterns");
    } else if (said.get("tab") === "patterns") {
      said.delete("tab");
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

function isZone(name) {
  try {
    return Boolean(name) && Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}
