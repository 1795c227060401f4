// How the texts of a log are shown: exactly as they are stored, and nothing in them acts.

// Controls but for tab and newline, what turns the direction of a text, and what takes no room.
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
// The same and tab and newline, for what is one line.
const UNSEEN_IN_LINE = new RegExp(UNSEEN.source.replace("[", "[\\t\\n"), "g");

function escapeOf(character) {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function visibleText(text) {
  return text.replace(UNSEEN_IN_LINE, escapeOf);
}

function element(name, className = "", text = "") {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

// Put a text into an element; what is not seen becomes an escape, set apart from the text.
function showText(parent, text, unseen = UNSEEN_IN_LINE) {
  const lines = text.replaceAll("\r\n", "\n");
  let shown = 0;
  for (const match of lines.matchAll(unseen)) {
    parent.append(lines.slice(shown, match.index), element("code", "escape", escapeOf(match[0])));
    shown = match.index + 1;
  }
  parent.append(lines.slice(shown));
  return parent;
}

// As `showText`, with what was searched for marked.
function showMarked(parent, text, unseen, marks) {
  let shown = 0;
  for (const [begin, end] of placesOf(text, marks)) {
    showText(parent, text.slice(shown, begin), unseen);
    parent.append(showText(element("mark"), text.slice(begin, end), unseen));
    shown = end;
  }
  return showText(parent, text.slice(shown), unseen);
}

const MOST_MARKS = 100; // of a text

// Where texts stand in a text, from its begin on, none within another.
function placesOf(text, marks) {
  const places = [];
  for (let at = 0; places.length < MOST_MARKS; at = places.at(-1)[1]) {
    let found = null;
    for (const mark of marks) {
      const begin = text.indexOf(mark, at);
      if (begin >= 0 && (found === null || begin < found[0] || (begin === found[0] && mark.length > found[1] - found[0]))) {
        found = [begin, begin + mark.length];
      }
    }
    if (found === null) {
      break;
    }
    places.push(found);
  }
  return places;
}

// A moment as the address has it.
function isoText(moment) {
  return new Date(Math.round(moment)).toISOString();
}

function formatDay(timestamp) {
  return isoText(timestamp).split("T")[0];
}

// A time on the clock of a zone; its day, too, unless that is today.
function formatTime(timestamp, zone = "UTC") {
  const [day, time] = wallOf(timestamp, zone).split("T");
  const [today] = wallOf(Date.now(), zone).split("T");
  return (day === today ? "" : `${day} `) + time.slice(0, 12);
}

function formatWhole(count) {
  return count.toLocaleString("en");
}

function formatCount(count) {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(count);
}

function formatBytes(bytes) {
  const [number, unit] = bytes < 1024 ? [bytes, "B"] : bytes < 2 ** 20 ? [bytes / 1024, "KiB"] : [bytes / 2 ** 20, "MiB"];
  return `${unit === "B" ? number : number.toFixed(1)} ${unit}`;
}

// Strings, also one that is cut, and what divides them; numbers lie between.
const JSON_PART = /"[^"\\]*(?:\\[^][^"\\]*)*(?:"|\\?$)|[{}[\],:]/g;

// Return name, value, whether it is whole and whether it is a text for each member of a JSON object that may be cut. A
// number stays the text that it is: as a number of JavaScript it might be another.
function membersOf(text) {
  const members = [];
  let depth = 0, name = null, begin = -1;
  const end = (place, isWhole) => {
    if (name !== null && begin >= 0) {
      const value = text.slice(begin, place).trim();
      members.push([unquoted(name), unquoted(value), isWhole, value.startsWith('"')]);
    }
    name = null;
    begin = -1;
  };
  for (const { 0: part, index } of text.matchAll(JSON_PART)) {
    if (part === "{" || part === "[") {
      depth += 1;
    } else if (part === "}" || part === "]") {
      depth -= 1;
      if (depth === 0) {
        end(index, true);
      }
    } else if (depth === 1 && part === ",") {
      end(index, true);
    } else if (depth === 1 && begin < 0) {
      if (part === ":") {
        begin = index + 1;
      } else {
        name = part;
      }
    }
  }
  end(text.length, false);
  return members;
}

function unquoted(text) {
  if (!text.startsWith('"')) {
    return text;
  }
  try {
    return JSON.parse(text); // a string and nothing else, for a value that begins with a quote is one
  } catch {
    return text.slice(1); // cut within it
  }
}
