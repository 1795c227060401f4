// Puts each text where the page has a place for it; a notebook has none, and gets all here.

export function render({ model, el }) {
  const style = new CSSStyleSheet();
  style.replaceSync(STYLE);
  const places = new Map();
  const makePlace = (name) => {
    const place = document.querySelector(`[data-waterline-text="${name}"]`) ?? el.appendChild(document.createElement("div"));
    const root = place.shadowRoot ?? place.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style];
    places.set(name, root);
    return root;
  };
  model.on("msg:custom", (texts) => {
    for (const [name, text] of Object.entries(texts)) {
      (places.get(name) ?? makePlace(name)).innerHTML = text;
    }
  });
  const tell = () => model.send_msg(document.documentElement.dataset.tab ?? "");
  addEventListener("waterline-tab", tell);
  model.on("remove", () => removeEventListener("waterline-tab", tell));
  tell();
}
