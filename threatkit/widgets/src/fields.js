// Form fields. A wish is sent when a field is left, Enter is pressed or a choice is made, not at each key.
import { clean, editable, freshId, h, isRebuilding, spoken } from "./dom.js";

const labelled = (label, field, note) => {
  field.id = freshId("field");
  return h("div", { class: "tk-field" }, h("label", { for: field.id }, label), field, note ? h("small", { class: "tk-soft" }, note) : null);
};

/** A bare field for text: `send(text)` when it was changed and left. */
export function textInput({ key, value, send, label, long = false, ...more }) {
  const before = editable(value, long);
  const field = h(long ? "textarea" : "input", {
    ...(long ? { rows: 2 } : { type: "text" }), "data-key": key, "aria-label": label, dir: "auto", autocomplete: "off", spellcheck: "false", ...more, value: before,
  });
  const shown = field.value; // what nobody changes is never sent, even where it is not shown whole
  const commit = () => {
    if (isRebuilding() || field.dataset.typed !== "yes") return;
    field.dataset.typed = "";
    if (field.value !== shown) send(field.value.trim(), field);
  };
  field.addEventListener("input", () => (field.dataset.typed = "yes"));
  field.addEventListener("change", commit);
  field.addEventListener("blur", commit);
  field.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "Enter" && !long) {
      event.preventDefault();
      commit();
    } else if (event.key === "Escape" && field.dataset.typed === "yes") {
      event.stopPropagation();
      field.value = before;
      field.dataset.typed = "";
    }
  });
  return field;
}

export function text({ label, note, ...rest }) {
  return labelled(label, textInput(rest), note);
}

/** A bare select; options are [value, text] or {group, options}. */
export function choiceInput({ key, value, options, send, label, ...more }) {
  const one = ([id, says, title]) => h("option", { value: id, selected: id === (value ?? ""), title }, says);
  const flat = options.flatMap((o) => (Array.isArray(o) ? [o] : o.options));
  const extra = flat.some(([id]) => id === (value ?? "")) ? [] : [[value, clean(value, 40)]];
  return h("select", { "data-key": key, "aria-label": label, ...more, change: (event) => {
    if (!isRebuilding()) send(event.target.value === "" ? null : event.target.value);
  } }, [...extra, ...options].map((o) => (Array.isArray(o) ? one(o) : h("optgroup", { label: o.group }, o.options.map(one)))));
}

export function choice({ label, note, ...rest }) {
  return labelled(label, choiceInput(rest), note);
}

/** Yes, no or unknown. */
export function truth({ label, key, value, send }) {
  const now = value === true ? "yes" : value === false ? "no" : "";
  return choice({ label, key, value: now, options: [["", "unknown"], ["yes", "yes"], ["no", "no"]], send: (said) => send(said === null ? null : said === "yes") });
}

export const kindOptions = (words) =>
  [["external", "External entities"], ["process", "Processes"], ["store", "Data stores"]].map(([shape, group]) => ({
    group, options: words.kinds.filter((kind) => kind.shape === shape).map((kind) => [kind.id, spoken(kind.id), kind.says]),
  }));

export const wordOptions = (list, none = "unknown") => [["", none], ...list.map(({ id, says }) => [id, spoken(id), says])];

/** The boundaries to choose from, nested ones set in; `without` is left out with all inside it. */
export function boundaryOptions(store, without = null) {
  const open = store.boundaryTree().filter(({ boundary }) => !without || !store.chain(boundary.id).includes(without));
  return [["", "outside any boundary"], ...open.map(({ boundary, depth }) => [boundary.id, "\u2003".repeat(depth) + store.label("boundary", boundary.id)])];
}

export const elementOptions = (store) => store.state.elements.map((e) => [e.id, store.label("element", e.id)]);

/** A list that can be searched. `rows`: [{id, says, row, first}]; those with `first` stand on top. */
export function searchable({ key, label, rows, app, rowsShown = 6 }) {
  const memory = app.memory;
  const search = h("input", { type: "search", "data-key": `${key}/search`, "aria-label": `Search in: ${label}`, placeholder: `Search ${rows.length}…`, value: memory.get(key) ?? "", autocomplete: "off" });
  const list = h("ul", { class: "tk-list", "data-scroll": key, style: `max-height: ${rowsShown * 31}px` });
  const fill = () => {
    memory.set(key, search.value);
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const hit = ({ id, says }) => words.every((word) => `${spoken(id)} ${says ?? ""}`.toLowerCase().includes(word));
    const found = rows.filter(hit);
    const sorted = [...found.filter((r) => r.first), ...found.filter((r) => !r.first)];
    list.replaceChildren(...(sorted.length ? sorted.map(({ row }) => row) : [h("li", { class: "tk-soft" }, "Nothing has these letters")]));
  };
  search.addEventListener("input", fill);
  fill();
  return [rows.length > 8 ? search : null, list];
}

/** A section that opens and closes, and stays as people left it. */
export function section({ key, title, app, open = false }, ...children) {
  const isOpen = app.memory.get(`open/${key}`) ?? open;
  return h("details", { class: "tk-section", open: isOpen, toggle: (event) => {
    if (event.target.isConnected) app.memory.set(`open/${key}`, event.target.open);
  } }, h("summary", { "data-key": `open/${key}` }, title), ...children);
}

/** Words that are present, absent or unknown: each with a choice of the three. */
export function threeState({ key, label, words, item, list, app, send }) {
  const present = new Set(item[list] ?? []);
  const absent = new Set(item.without ?? []);
  const whole = (item.complete ?? []).includes(list);
  const change = (id, said) => {
    const yes = (item[list] ?? []).filter((other) => other !== id);
    const no = (item.without ?? []).filter((other) => other !== id);
    if (said === "present") yes.push(id);
    if (said === "absent" && !whole) no.push(id);
    send({ [list]: yes, without: no });
  };
  const rows = words.map(({ id, says }) => {
    const now = present.has(id) ? "present" : absent.has(id) || whole ? "absent" : "";
    const options = [...(whole ? [] : [["", "unknown"]]), ["present", "present"], ["absent", "absent"]];
    const field = choiceInput({ key: `${key}/${id}`, value: now, options, label: `${spoken(id)} is`, send: (said) => change(id, said), class: `tk-state tk-${now || "unknown"}` });
    return { id, says, first: present.has(id) || absent.has(id), row: h("li", {}, h("span", { title: says }, spoken(id)), field) };
  });
  const complete = checkbox({ key: `${key}/complete`, label: "All reviewed: what is not marked present is absent", value: whole, send: (on) => {
    const others = (item.complete ?? []).filter((one) => one !== list);
    send({ complete: on ? [...others, list] : others });
  } });
  return [complete, ...searchable({ key, label, rows, app })];
}

export function checkbox({ key, label, value, send }) {
  const field = h("input", { type: "checkbox", "data-key": key, checked: value, change: (event) => {
    if (!isRebuilding()) send(event.target.checked);
  } });
  return h("label", { class: "tk-check" }, field, h("span", {}, label));
}

/** Data assets and data classes that a place has: null is unknown, an empty list is "none". */
export function dataList({ key, label, value, app, send }) {
  const { store } = app;
  const chosen = new Set(value ?? []);
  const entry = (id, says, note) => ({ id, says: `${says} ${note ?? ""}`, first: chosen.has(id), row: h("li", {}, checkbox({
    key: `${key}/${id}`, label: note ? [says, " ", h("small", { class: "tk-soft" }, note)] : says, value: chosen.has(id),
    send: (on) => send(on ? [...(value ?? []), id] : (value ?? []).filter((other) => other !== id)),
  })) });
  const assets = store.state.data.map((d) => entry(d.id, store.label("data", d.id), "data asset"));
  const known = new Set(store.state.data.map((d) => d.id));
  const classes = store.words.data_classes.filter(({ id }) => !known.has(id)).map(({ id }) => entry(id, spoken(id), "class"));
  const state = value === null || value === undefined ? "" : value.length ? "some" : "none";
  const options = [["", "unknown"], ["none", "none at all"], ...(state === "some" ? [["some", "those marked below"]] : [])];
  return [
    choice({ label: "Known?", key: `${key}/known`, value: state, options, send: (said) => said !== "some" && send(said === "none" ? [] : null) }),
    ...searchable({ key, label, rows: [...assets, ...classes], app, rowsShown: 5 }),
  ];
}
