// Draws a range of time by itself, as a component of Panel.

export function render({ model, el }) {
  const chosen = () => ({ begin: model.begin, end: model.end, zone: model.zone });
  const range = new TimeRange(chosen(), ({ begin, end, zone }) => {
    model.begin = begin;
    model.end = end;
    model.zone = zone;
  });
  model.on(["begin", "end", "zone"], () => range.show(chosen()));
  el.append(range.root);
}
