// Tabs as the WAI-ARIA practices describe them: arrows go along, Tab goes into the pane.
import { h } from "./dom.js";

/** tabs(app, "Details", [[id, title, pane], …]) -> {box, choose(id), name(id, title)} */
export function tabs(app, label, entries) {
  const heads = new Map();
  const panes = new Map(entries.map(([id, , pane]) => [id, pane]));
  const choose = (id, focus = false) => {
    for (const [other, head] of heads) {
      head.setAttribute("aria-selected", String(other === id));
      head.tabIndex = other === id ? 0 : -1;
      panes.get(other).hidden = other !== id;
    }
    if (focus) heads.get(id).focus();
  };
  for (const [id, title, pane] of entries) {
    const head = h("button", { type: "button", role: "tab", class: "tk-tab", id: app.id(`tab-${id}`), "data-key": `tab/${id}`, "aria-controls": app.id(`pane-${id}`), click: () => choose(id) }, title);
    heads.set(id, head);
    Object.entries({ id: app.id(`pane-${id}`), role: "tabpanel", "aria-labelledby": head.id, tabindex: "0" }).forEach(([k, v]) => pane.setAttribute(k, v));
  }
  const list = h("div", { class: "tk-tabs", role: "tablist", "aria-label": label, keydown: (event) => {
    const ids = [...heads.keys()];
    const at = ids.findIndex((id) => heads.get(id) === event.target);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: ids.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    choose(ids[(to + ids.length) % ids.length], true);
  } }, ...heads.values());
  choose(entries[0][0]);
  return { box: h("section", { class: "tk-tabbed", "aria-label": label }, list, ...panes.values()), choose, name: (id, title) => (heads.get(id).textContent = title) };
}
