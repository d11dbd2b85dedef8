// The same model as tables: everything that the drawing can do, without a canvas.
import { clean, h, rebuild } from "./dom.js";
import { boundaryOptions, choiceInput, elementOptions, kindOptions, textInput, wordOptions } from "./fields.js";

export class Table {
  constructor(app) {
    this.app = app;
    this.box = h("div", { class: "tk-tables", "data-scroll": "tables", hidden: true });
  }

  update() {
    const { app } = this;
    if (app.view !== "table") return;
    const { elements, flows, boundaries, data } = app.store.state;
    const seen = JSON.stringify([elements, flows, boundaries, data, app.selection, app.store.state.findings.length]);
    if (seen === this.seen && this.box.childElementCount) return;
    this.seen = seen;
    rebuild(this.box, this.#elements(elements), this.#flows(flows), this.#boundaries(boundaries), this.#data(data));
  }

  startElement(kind) {
    this.app.memory.set("new/kind", kind);
    this.seen = null;
    this.update();
    this.#key("new/element/name")?.focus();
  }

  startBoundary() {
    this.#key("new/boundary/name")?.focus();
  }

  #key(key) {
    return [...this.box.querySelectorAll("[data-key]")].find((field) => field.dataset.key === key);
  }

  // -- the four tables -----------------------------------------------------------------------------

  #elements(elements) {
    const { app } = this;
    const { store } = app;
    const kinds = kindOptions(store.words);
    const homes = boundaryOptions(store);
    const rows = elements.map((e) => this.#row("element", e, (label, key, send) => [
      choiceInput({ key: key("kind"), label: `Kind of ${label}`, value: e.kind, options: kinds, send: (kind) => kind && send({ kind }) }),
      choiceInput({ key: key("in"), label: `Boundary of ${label}`, value: e.in, options: homes, send: (said) => send({ in: said }) }),
    ]));
    const kind = app.memory.get("new/kind") ?? store.words.kinds.find((k) => k.shape === "process")?.id ?? store.words.kinds[0]?.id;
    const fresh = this.#fresh("element", "Name of a new element", [
      choiceInput({ key: "new/element/kind", label: "Kind of the new element", value: kind, options: kinds, send: (said) => app.memory.set("new/kind", said) }),
      choiceInput({ key: "new/element/in", label: "Boundary of the new element", value: app.memory.get("new/in"), options: homes, send: (said) => app.memory.set("new/in", said) }),
    ], () => ({ kind: this.#value("new/element/kind"), ...this.#optional("in", "new/element/in") }));
    return this.#table("Elements", ["Name", "Kind", "In boundary"], rows, fresh);
  }

  #flows(flows) {
    const { app } = this;
    const ends = elementOptions(app.store);
    const rows = flows.map((f) => this.#row("flow", f, (label, key, send) => [
      choiceInput({ key: key("from"), label: `Start of ${label}`, value: f.from, options: ends, send: (from) => send({ from }) }),
      choiceInput({ key: key("to"), label: `End of ${label}`, value: f.to, options: ends, send: (to) => send({ to }) }),
    ]));
    const some = [["", "choose…"], ...ends];
    const fresh = ends.length ? this.#fresh("flow", "Name of a new flow (may stay empty)", ["from", "to"].map((end) => choiceInput({
      key: `new/flow/${end}`, label: end === "from" ? "Start of the new flow" : "End of the new flow", value: "", options: some, send: () => {},
    })), () => {
      const [from, to] = ["from", "to"].map((end) => this.#value(`new/flow/${end}`));
      if (!from || !to) throw new Error("Choose the element that the flow comes from and the one that it goes to");
      return { from, to };
    }) : null;
    return this.#table("Flows", ["Name", "From", "To"], rows, fresh);
  }

  #boundaries(boundaries) {
    const { app } = this;
    const { store } = app;
    const trusts = wordOptions(store.words.trust);
    const rows = boundaries.map((b) => this.#row("boundary", b, (label, key, send) => [
      choiceInput({ key: key("trust"), label: `Trust of ${label}`, value: b.trust, options: trusts, send: (trust) => send({ trust }) }),
      choiceInput({ key: key("inside"), label: `${label} lies in`, value: b.inside, options: boundaryOptions(store, b.id), send: (inside) => send({ inside }) }),
    ]));
    const fresh = this.#fresh("boundary", "Name of a new boundary", [
      choiceInput({ key: "new/boundary/trust", label: "Trust of the new boundary", value: "", options: trusts, send: () => {} }),
      choiceInput({ key: "new/boundary/inside", label: "The new boundary lies in", value: "", options: boundaryOptions(store), send: () => {} }),
    ], () => ({ ...this.#optional("trust", "new/boundary/trust"), ...this.#optional("inside", "new/boundary/inside") }));
    return this.#table("Trust boundaries", ["Name", "Trust", "Inside"], rows, fresh);
  }

  #data(data) {
    const { words } = this.app.store;
    const levels = wordOptions(words.classifications);
    const yesNo = [["", "unknown"], ["yes", "yes"], ["no", "no"]];
    const truth = (value) => (value === true ? "yes" : value === false ? "no" : "");
    const rows = data.map((d) => this.#row("data", d, (label, key, send) => [
      choiceInput({ key: key("classification"), label: `Classification of ${label}`, value: d.classification, options: levels, send: (classification) => send({ classification }) }),
      choiceInput({ key: key("personal"), label: `Whether ${label} is about people`, value: truth(d.personal), options: yesNo, send: (said) => send({ personal: said === null ? null : said === "yes" }) }),
    ]));
    const fresh = this.#fresh("data", "Name of a new data asset", [
      choiceInput({ key: "new/data/classification", label: "Classification of the new data asset", value: "", options: levels, send: () => {} }), "",
    ], () => this.#optional("classification", "new/data/classification"));
    return this.#table("Data assets", ["Name", "Classification", "About people"], rows, fresh);
  }

  // -- parts of a table ------------------------------------------------------------------------------

  #table(title, heads, rows, fresh) {
    return h("table", { class: "tk-table" }, h("caption", {}, `${title} (${rows.length})`),
      h("thead", {}, h("tr", {}, [...heads, "Findings", "Do"].map((head) => h("th", { scope: "col" }, head)))),
      h("tbody", {}, rows, fresh));
  }

  #row(part, item, cells) {
    const { app } = this;
    const { store } = app;
    const label = part === "flow" ? store.flowLabel(item.id, 40) : store.label(part, item.id, 40);
    const key = (name) => `table/${part}/${item.id}/${name}`;
    const send = (set) => app.actions.change(part, item.id, set);
    const chosen = app.selection.some((one) => one.part === part && one.id === item.id);
    const found = (store.findingsAt.get(item.id) ?? []).length;
    const name = textInput({ key: key("name"), label: `Name of ${part === "data" ? "data asset" : part} ${clean(item.id, 40)}`, value: item.name, placeholder: clean(item.id, 40), send: (said) => send({ name: said || null }) });
    const more = part === "data"
      ? () => app.panel.showData(item.id)
      : () => { app.select([{ part, id: item.id }]); app.panel.focusFirst(); };
    return h("tr", { class: chosen ? "tk-chosen" : null }, h("td", {}, name), cells(label, key, send).map((cell) => h("td", {}, cell)),
      h("td", { class: "tk-number" }, part === "element" || part === "flow" ? String(found) : ""),
      h("td", { class: "tk-do" },
        h("button", { type: "button", class: "tk-button", "data-key": key("more"), "aria-label": `Details of ${label}`, click: more }, "Details"),
        h("button", { type: "button", class: "tk-button", "data-key": key("delete"), "aria-label": `Delete ${label}`, click: () => app.actions.remove([{ part, id: item.id }]) }, "Delete")));
  }

  #fresh(part, label, cells, read) {
    const { app } = this;
    const name = h("input", { type: "text", "data-key": `new/${part}/name`, "aria-label": label, placeholder: "New…", dir: "auto", autocomplete: "off", keydown: (event) => {
      if (event.key === "Enter" && !event.isComposing) add();
    } });
    const add = async () => {
      let set;
      try {
        set = { ...(name.value.trim() ? { name: name.value.trim() } : {}), ...read() };
      } catch (error) {
        return app.fail(error.message);
      }
      if (part === "data" && !set.name) return app.fail("A data asset needs a name");
      const typed = name.value;
      name.value = "";
      name.dataset.typed = "";
      const id = await app.actions.add(part, set);
      const field = this.#key(`new/${part}/name`);
      if (id === null && field) field.value = typed;
      field?.focus();
    };
    name.addEventListener("input", () => (name.dataset.typed = "yes"));
    return h("tr", { class: "tk-fresh" }, h("td", {}, name), cells.map((cell) => h("td", {}, cell)), h("td", {}),
      h("td", { class: "tk-do" }, h("button", { type: "button", class: "tk-button", "data-key": `new/${part}/add`, click: add, "aria-label": `Add this ${part === "data" ? "data asset" : part}` }, "Add")));
  }

  #value(key) {
    return this.#key(key)?.value ?? "";
  }

  #optional(name, key) {
    const value = this.#value(key);
    return value ? { [name]: value } : {};
  }

  focus() {
    this.box.querySelector("input, select, button")?.focus();
  }
}

