// A range of time, chosen as in Grafana: usual ones, any other as text, and a time zone.

const USUAL_RANGES = [
  ["-5min", "Last 5 minutes"], ["-15min", "Last 15 minutes"], ["-1h", "Last hour"], ["-6h", "Last 6 hours"],
  ["-24h", "Last 24 hours"], ["-7d", "Last 7 days"], ["-30d", "Last 30 days"],
];
const UNITS_MS = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 };
const AGO = /^-\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w|y)$/;
const USUAL_MS = [300_000, 900_000, 3_600_000, 21_600_000, 86_400_000, 604_800_000, 2_592_000_000];

const CLOCKS = new Map();

// The clock of a zone; to make one takes longer than to read it.
function clockOf(zone) {
  if (!CLOCKS.has(zone)) {
    CLOCKS.set(zone, new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", era: "short", year: "numeric", month: "numeric", day: "numeric",
      hour: "numeric", minute: "numeric", second: "numeric",
    }));
  }
  return CLOCKS.get(zone);
}

// How far the clock of a zone is ahead of UTC at a moment, in milliseconds.
function offsetOf(moment, zone) {
  const parts = clockOf(zone).formatToParts(moment);
  const part = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  const year = part.era === "BC" ? 1 - Number(part.year) : Number(part.year);
  const shown = new Date(0);
  shown.setUTCFullYear(year, part.month - 1, part.day);
  shown.setUTCHours(part.hour, part.minute, part.second);
  return shown.getTime() - Math.floor(moment / 1000) * 1000;
}

// The time that the clock of a zone shows, as ISO text without a zone.
function wallOf(moment, zone) {
  const shown = new Date(moment + (zone === "UTC" ? 0 : offsetOf(moment, zone)));
  return shown.toISOString().slice(0, -1);
}

// The moment at which the clock of a zone shows a time; the first, where it does so twice.
function momentOf(wall, zone) {
  const utc = Date.parse(`${wall}Z`);
  const offsets = [offsetOf(utc - UNITS_MS.d, zone), offsetOf(utc + UNITS_MS.d, zone)];
  const moments = offsets.map((each) => utc - each).filter((each) => each + offsetOf(each, zone) === utc);
  return moments.length > 0 ? Math.min(...moments) : utc - offsets[0]; // a time that the clock skips
}

// Whether a calendar has a day and a clock a time: browsers take February 30 for March 2.
function isTime(wall) {
  const day = new Date(Date.parse(`${wall.slice(0, 10)}T00:00Z`));
  return !Number.isNaN(Date.parse(`${wall}Z`)) && day.getUTCDate() === Number(wall.slice(8, 10));
}

// What somebody writes as a time: "-90min", "now", "2026-11-29", "2026-11-29 20:15:03.5", with or without a zone.
// Returns the text for the address, or null where it has no meaning.
function rangeText(text, zone) {
  const said = text.trim();
  if (said === "" || said === "now") {
    return "";
  }
  if (AGO.test(said)) {
    return said.replaceAll(/\s/g, "");
  }
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d(?:\.\d{1,6})?)?)?\s*(Z|UTC|[+-]\d\d:?\d\d)?$/i.exec(said);
  if (found === null) {
    return null;
  }
  const [, day, time = "00:00", seconds = ":00", offset] = found;
  const wall = `${day}T${time}${seconds}`;
  const zoned = offset === undefined ? null : /^(Z|UTC)$/i.test(offset) ? "Z" : offset;
  if (!isTime(wall)) {
    return null;
  }
  const moment = zoned === null ? momentOf(wall, zone) : Date.parse(`${wall}${zoned}`);
  return Number.isNaN(moment) ? null : new Date(moment).toISOString();
}

// The moment that a text of the address means, in milliseconds UTC; the empty text is now.
function momentOfText(text) {
  const ago = AGO.exec(text);
  if (ago !== null) {
    return Date.now() - ago[1] * UNITS_MS[ago[2]];
  }
  return text === "" ? Date.now() : momentOfIso(text);
}

// The moment of ISO 8601 text, which is in UTC unless it names an offset; of itself a browser takes its own clock.
function momentOfIso(text) {
  const isLocal = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d[\d:.]*$/.test(text.trim());
  return Date.parse(isLocal ? `${text.trim().replace(" ", "T")}Z` : text);
}

// A range in words, on the clock of a zone.
function rangeWords(begin, end, zone) {
  if (end === "") {
    const usual = USUAL_RANGES.find(([text]) => text === begin);
    return usual ? usual[1] : begin.startsWith("-") ? `Last ${begin.slice(1)}` : `Since ${wallWords(begin, zone)}`;
  }
  const [from, to] = [wallWords(begin, zone), wallWords(end, zone)];
  const [day] = from.split(" ");
  return `${from} – ${to.startsWith(`${day} `) ? to.slice(day.length + 1) : to}`;
}

function wallWords(text, zone) {
  const moment = momentOfIso(text);
  if (Number.isNaN(moment)) {
    return text;
  }
  const wall = wallOf(moment, zone).replace("T", " ");
  return wall.replace(/\.000$/, "").replace(/(\d\d:\d\d):00$/, "$1");
}

class TimeRange {
  // `change` is called with what somebody chose: begin, end and zone.
  constructor({ begin, end, zone }, change) {
    this.change = change;
    this.root = rangeElement("div", "time-range");
    this.earlier = this.makeStep("‹", "Earlier", -1);
    this.later = this.makeStep("›", "Later", 1);
    this.wider = iconButton("wider", "Wider range");
    this.wider.textContent = "−";
    this.wider.addEventListener("click", () => this.widen());
    this.button = rangeElement("button", "range");
    this.button.type = "button";
    this.button.setAttribute("aria-haspopup", "dialog");
    this.button.addEventListener("click", () => this.toggle(this.panel.hidden));
    this.makePanel();
    this.root.append(this.earlier, this.button, this.later, this.wider, this.panel);
    this.root.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !this.panel.hidden) {
        event.stopPropagation();
        this.toggle(false);
        this.button.focus();
      }
    });
    this.root.addEventListener("focusout", (event) => {
      if (event.relatedTarget !== null && !this.root.contains(event.relatedTarget)) {
        this.toggle(false);
      }
    });
    this.show({ begin, end, zone });
  }

  makeStep(text, name, way) {
    const button = iconButton(name.toLowerCase(), name);
    button.textContent = text;
    button.addEventListener("click", () => this.step(way));
    return button;
  }

  makePanel() {
    this.panel = rangeElement("div", "range-panel");
    this.panel.setAttribute("role", "dialog");
    this.panel.setAttribute("aria-label", "Range of time");
    this.panel.hidden = true;
    this.usual = rangeElement("div", "usual");
    for (const [begin, words] of USUAL_RANGES) {
      const button = rangeElement("button", "", words);
      button.type = "button";
      button.dataset.begin = begin;
      button.addEventListener("click", () => this.choose({ begin, end: "", zone: this.zone }));
      this.usual.append(button);
    }
    const form = rangeElement("form", "custom");
    form.noValidate = true;
    this.from = labelled(form, "From", "-2h, or 2026-11-29 20:15");
    this.to = labelled(form, "To", "now");
    this.zones = rangeElement("select");
    const zone = rangeElement("label", "", "Time zone");
    zone.append(this.zones);
    this.fault = rangeElement("p", "fault");
    this.fault.setAttribute("role", "alert");
    this.fault.hidden = true;
    const apply = rangeElement("button", "apply", "Apply");
    form.append(zone, this.fault, apply);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.apply();
    });
    this.panel.append(this.usual, form);
  }

  fillZones() {
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    const zones = [...new Set(["UTC", here, this.zone, ...Intl.supportedValuesOf("timeZone")])];
    this.zones.replaceChildren(...zones.map((name) => {
      const option = rangeElement("option", "", name === here && here !== "UTC" ? `${name} (this browser)` : name);
      option.value = name;
      return option;
    }));
  }

  toggle(isShown) {
    this.panel.hidden = !isShown;
    this.button.setAttribute("aria-expanded", String(isShown));
    if (isShown) {
      this.fillZones();
      this.zones.value = this.zone;
      this.from.value = this.begin.startsWith("-") ? this.begin : wallWords(this.begin, this.zone);
      this.to.value = this.end === "" ? "now" : wallWords(this.end, this.zone);
      this.fault.hidden = true;
      (this.usual.querySelector("[aria-pressed=true]") ?? this.from).focus();
    }
  }

  apply() {
    const zone = this.zones.value;
    const [begin, end] = [rangeText(this.from.value, zone), rangeText(this.to.value, zone)];
    const wrong = begin === null || begin === "" ? this.from : end === null ? this.to : null;
    if (wrong !== null) {
      this.fault.textContent = `“${wrong.value}” is no time. Write -90min, 2026-11-29 or 2026-11-29 20:15.`;
      this.fault.hidden = false;
      wrong.focus();
      return;
    }
    this.choose({ begin, end, zone });
  }

  choose(range) {
    this.toggle(false);
    this.button.focus();
    this.change(range);
  }

  get since() {
    return momentOfText(this.begin);
  }

  get until() {
    return momentOfText(this.end);
  }

  step(way) {
    const { since, until } = this;
    const length = until - since;
    if (Number.isNaN(length)) { // the address says no range
      this.toggle(true);
      return;
    }
    this.change({ ...this.between(since + way * length, until + way * length), zone: this.zone });
  }

  widen() {
    const { since, until } = this;
    const half = (until - since) / 2;
    if (Number.isNaN(half)) {
      this.toggle(true);
      return;
    }
    this.change({ ...this.between(since - half, until + half), zone: this.zone });
  }

  // The begin of a range of about this length that ends now.
  asLast() {
    const length = this.until - this.since;
    const usual = USUAL_MS.findIndex((each) => Math.abs(each - length) < 0.1 * each);
    return usual < 0 ? `-${Math.max(1, Math.round(length / 1000))}s` : USUAL_RANGES[usual][0];
  }

  // What reaches into the future ends now, and follows what comes.
  between(since, until) {
    if (until >= Date.now() && this.end === "") {
      const seconds = Math.ceil((Date.now() - since) / 1000);
      return { begin: `-${seconds}s`, end: "" };
    }
    return { begin: new Date(Math.round(since)).toISOString(), end: new Date(Math.round(until)).toISOString() };
  }

  show({ begin, end, zone }) {
    Object.assign(this, { begin, end, zone });
    const words = begin === "" ? "Range of time" : rangeWords(begin, end, zone);
    this.button.textContent = words;
    const city = zone.split("/").at(-1).replaceAll("_", " ");
    this.button.append(" ", rangeElement("small", "", city));
    this.button.setAttribute("aria-label", `Range of time: ${words} ${city}`);
    for (const each of this.usual.children) {
      each.setAttribute("aria-pressed", String(end === "" && each.dataset.begin === begin));
    }
  }
}

function iconButton(className, name) {
  const button = rangeElement("button", `icon ${className}`);
  button.type = "button";
  button.title = name;
  button.setAttribute("aria-label", name);
  return button;
}

function labelled(parent, name, example) {
  const label = rangeElement("label", "", name);
  const input = rangeElement("input");
  input.placeholder = example;
  input.autocomplete = "off";
  input.spellcheck = false;
  label.append(input);
  parent.append(label);
  return input;
}

function rangeElement(name, className = "", text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}
