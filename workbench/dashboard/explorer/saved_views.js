// Views that somebody has saved by name, in this browser.

const SAVED = "waterline-views";
const MOST_VIEWS = 50;

class SavedViews {
  // `now` returns the address of what is shown, `open` shows another, `done` is called after either.
  constructor(now, open, done) {
    Object.assign(this, { now, open, done });
    this.root = element("div", "saved-views");
    this.form = element("form");
    this.name = element("input");
    this.name.maxLength = 60;
    this.name.placeholder = "Save this view as …";
    this.name.setAttribute("aria-label", "Name of this view");
    const save = element("button", "", "Save");
    this.form.append(this.name, save);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.save(this.name.value.trim());
    });
    this.list = element("ul");
    this.root.append(this.form, this.list);
    this.draw();
  }

  // What is kept may be of an older page, or of somebody's hand.
  read() {
    try {
      const kept = JSON.parse(localStorage.getItem(SAVED) ?? "[]");
      return kept.filter((each) => typeof each?.name === "string" && typeof each?.search === "string");
    } catch {
      return [];
    }
  }

  write(views) {
    localStorage.setItem(SAVED, JSON.stringify(views.slice(0, MOST_VIEWS)));
    this.draw();
  }

  save(name) {
    if (name !== "") {
      this.write([{ name, search: this.now() }, ...this.read().filter((each) => each.name !== name)]);
      this.name.value = "";
      this.done();
    }
  }

  draw() {
    this.list.replaceChildren(...this.read().map(({ name, search }) => {
      const item = element("li");
      const open = toolButton(visibleText(name), `Show the view ${visibleText(name)}`, () => {
        this.open(search);
        this.done();
      });
      const remove = toolButton("×", `Forget the view ${visibleText(name)}`, () => this.write(this.read().filter((each) => each.name !== name)));
      item.append(open, remove);
      return item;
    }));
  }
}
