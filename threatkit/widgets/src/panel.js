// The side panel: what is known about the selected part, the data assets, and the system itself.
import { clean, count, h, rebuild, spoken } from "./dom.js";
import {
  boundaryOptions, checkbox, choice, dataList, elementOptions, kindOptions, section, text, threeState, truth, wordOptions,
} from "./fields.js";
import { tabs } from "./tabs.js";

export class Panel {
  constructor(app) {
    this.app = app;
    this.part = h("div", { class: "tk-pane", "data-scroll": "part" });
    this.data = h("div", { class: "tk-pane", "data-scroll": "data" });
    this.tabs = tabs(app, "Details", [["part", "Selected", this.part], ["data", "Data", this.data]]);
    this.box = this.tabs.box;
  }

  update() {
    const { app } = this;
    const { store } = app;
    this.tabs.name("data", `Data (${store.state.data.length})`);
    this.tabs.name("part", app.selection.length > 1 ? `Selected (${app.selection.length})` : "Selected");
    this.#ifNew(this.part, () => this.#selected());
    this.#ifNew(this.data, () => this.#dataAssets());
  }

  /** Rebuild a pane only when what it shows has changed. */
  #ifNew(pane, make) {
    const { app } = this;
    const { store } = app;
    const { name, description, data, boundaries, elements } = store.state;
    const chosen = app.selection.map(({ part, id }) => [part, id, store.get(part, id), (store.findingsAt.get(id) ?? []).length]);
    const flows = app.selection.length === 1 ? store.state.flows.filter((f) => [f.from, f.to].includes(app.selection[0].id)) : [];
    const names = elements.map((e) => [e.id, e.name]);
    const seen = JSON.stringify(pane === this.part ? [name, description, chosen, flows, data, boundaries, names] : [data]);
    if (seen === pane.dataset_seen) return;
    pane.dataset_seen = seen;
    rebuild(pane, make());
  }

  #selected() {
    const { selection } = this.app;
    if (!selection.length) return this.#system();
    if (selection.length > 1) return this.#several(selection);
    const { part, id } = selection[0];
    const item = this.app.store.get(part, id);
    if (!item) return this.#system();
    return { element: () => this.#element(item), flow: () => this.#flow(item), boundary: () => this.#boundary(item) }[part]();
  }

  #system() {
    const { app } = this;
    const { state } = app.store;
    const send = (set) => app.store.send({ do: "title", name: state.name, description: state.description ?? null, ...set });
    return [
      h("h3", {}, "The system"),
      text({ label: "Name", key: "system/name", value: state.name, send: (name) => name && send({ name }) }),
      text({ label: "Description", key: "system/description", value: state.description, long: true, send: (said) => send({ description: said || null }) }),
      h("p", { class: "tk-soft" }, "Select something on the canvas or in the table to see what is known about it."),
    ];
  }

  #several(selection) {
    const { app } = this;
    const { store } = app;
    const elements = selection.filter(({ part }) => part === "element");
    const into = elements.length === selection.length
      ? choice({ label: "Move all into", key: "several/in", value: "-", options: [["-", "choose…"], ...boundaryOptions(store)], send: (said) => {
          store.send({ do: "all", edits: elements.map(({ id }) => ({ do: "change", part: "element", id, set: { in: said } })) });
        } })
      : null;
    return [
      h("h3", {}, count(selection.length, "part") + " selected"),
      h("ul", { class: "tk-plain" }, selection.slice(0, 30).map((one) => h("li", {}, app.actions.describe(one)))),
      into,
      h("button", { type: "button", class: "tk-button", "data-key": "several/delete", click: () => app.actions.remove() }, "Delete all of them"),
    ];
  }

  #head(part, item, title) {
    const { app } = this;
    const send = (set) => app.actions.change(part, item.id, set);
    const key = (name) => `${part}/${item.id}/${name}`;
    const found = (app.store.findingsAt.get(item.id) ?? []).length;
    return { send, key, fields: [
      h("h3", {}, title, found ? h("span", { class: "tk-soft" }, ` · ${count(found, "finding")}`) : null),
      text({ label: "Name", key: key("name"), value: item.name, "data-role": "name", send: (said) => send({ name: said || null }) }),
    ] };
  }

  #foot(part, item, key, send) {
    const { app } = this;
    return section({ key: `${part}/more`, title: "Id and description", app },
      text({ label: "Id", key: key("id"), value: item.id, note: "Flows and decisions go with it.", send: (to, field) => this.#renameId(part, item.id, to, field) }),
      text({ label: "Description", key: key("description"), value: item.description, long: true, send: (said) => send({ description: said || null }) }),
    );
  }

  async #renameId(part, id, to, field) {
    const answer = to && (await this.app.actions.renameId(part, id, to));
    if (!answer || answer.ok === false) field.value = id;
  }

  #element(item) {
    const { app } = this;
    const { store } = app;
    const { words } = store;
    const { send, key, fields } = this.#head("element", item, `Element «${spoken(item.kind)}»`);
    const shape = store.shape(item);
    const fitting = words.properties.filter(({ id, of }) => (!of || of.includes(shape)) || (item.properties ?? []).includes(id) || (item.without ?? []).includes(id));
    const three = { item, app, send };
    return [
      ...fields,
      choice({ label: "Kind", key: key("kind"), value: item.kind, options: kindOptions(words), note: words.says("kinds", item.kind), send: (kind) => kind && send({ kind }) }),
      choice({ label: "In boundary", key: key("in"), value: item.in, options: boundaryOptions(store), send: (said) => send({ in: said }) }),
      section({ key: "properties", title: `Properties (${told(item, "properties")})`, app, open: true },
        ...threeState({ key: key("properties"), label: "Properties", words: fitting, list: "properties", ...three })),
      section({ key: "controls", title: `Controls (${told(item, "controls")})`, app },
        ...threeState({ key: key("controls"), label: "Controls", words: words.controls, list: "controls", ...three })),
      section({ key: "holds", title: `Data held (${have(item.holds)})`, app },
        ...dataList({ key: key("holds"), label: "Data held", value: item.holds, app, send: (holds) => send({ holds }) })),
      this.#flowsOf(item, key),
      this.#foot("element", item, key, send),
    ];
  }

  #flowsOf(item, key) {
    const { app } = this;
    const { store } = app;
    const flows = store.state.flows.filter((flow) => flow.from === item.id || flow.to === item.id);
    return section({ key: "flows", title: `Flows (${flows.length})`, app },
      h("ul", { class: "tk-plain" }, flows.map((flow) => h("li", {}, h("button", {
        type: "button", class: "tk-link", "data-key": key(`flow/${flow.id}`), click: () => app.select([{ part: "flow", id: flow.id }]),
      }, store.flowLabel(flow.id))))),
    );
  }

  #flow(item) {
    const { app } = this;
    const { store } = app;
    const { words } = store;
    const { send, key, fields } = this.#head("flow", item, "Flow");
    const ends = elementOptions(store);
    return [
      ...fields,
      h("div", { class: "tk-pair" },
        choice({ label: "From", key: key("from"), value: item.from, options: ends, send: (from) => send({ from }) }),
        choice({ label: "To", key: key("to"), value: item.to, options: ends, send: (to) => send({ to }) })),
      h("button", { type: "button", class: "tk-button", "data-key": key("turn"), click: () => send({ from: item.to, to: item.from }) }, "Turn round"),
      h("div", { class: "tk-pair" },
        choice({ label: "Kind", key: key("kind"), value: item.kind ?? "data", options: wordOptions(words.flow_kinds).slice(1), send: (kind) => send({ kind }) }),
        choice({ label: "Content", key: key("content"), value: item.content, options: wordOptions(words.content), send: (content) => send({ content }) })),
      h("div", { class: "tk-three" },
        choice({ label: "Protocol", key: key("protocol"), value: item.protocol, options: wordOptions(words.protocols), send: (protocol) => send({ protocol }) }),
        truth({ label: "Encrypted", key: key("encrypted"), value: item.encrypted, send: (encrypted) => send({ encrypted }) }),
        truth({ label: "Authenticated", key: key("authenticated"), value: item.authenticated, send: (authenticated) => send({ authenticated }) })),
      section({ key: "carries", title: `Data carried (${have(item.carries)})`, app, open: true },
        ...dataList({ key: key("carries"), label: "Data carried", value: item.carries, app, send: (carries) => send({ carries }) })),
      section({ key: "controls", title: `Controls (${told(item, "controls")})`, app },
        ...threeState({ key: key("controls"), label: "Controls", words: words.controls, item, list: "controls", app, send })),
      this.#foot("flow", item, key, send),
    ];
  }

  #boundary(item) {
    const { app } = this;
    const { store } = app;
    const { send, key, fields } = this.#head("boundary", item, "Trust boundary");
    const inside = store.state.elements.filter((e) => e.in === item.id);
    return [
      ...fields,
      choice({ label: "Trust", key: key("trust"), value: item.trust, options: wordOptions(store.words.trust), note: store.words.says("trust", item.trust), send: (trust) => send({ trust }) }),
      choice({ label: "Inside", key: key("inside"), value: item.inside, options: boundaryOptions(store, item.id), send: (said) => send({ inside: said }) }),
      section({ key: "content", title: `Elements directly in it (${inside.length})`, app, open: true },
        h("ul", { class: "tk-plain" }, inside.map((e) => h("li", {}, h("button", {
          type: "button", class: "tk-link", "data-key": key(`element/${e.id}`), click: () => app.select([{ part: "element", id: e.id }]),
        }, store.label("element", e.id)))))),
      this.#foot("boundary", item, key, send),
    ];
  }

  // -- data assets -------------------------------------------------------------------------------

  #dataAssets() {
    const { app } = this;
    const assets = app.store.state.data;
    const add = h("form", { class: "tk-inline", submit: async (event) => {
      event.preventDefault();
      const field = event.target.querySelector("input");
      const name = field.value.trim();
      if (!name) return app.announce("A data asset needs a name");
      const id = await app.actions.add("data", { name });
      if (id === null) return;
      field.value = "";
      app.memory.set(`open/data/${id}`, true);
    } }, h("input", { type: "text", "aria-label": "Name of a new data asset", placeholder: "New data asset…", "data-key": "data/new", autocomplete: "off", dir: "auto" }),
    h("button", { type: "submit", class: "tk-button", "data-key": "data/add" }, "Add"));
    return [h("p", { class: "tk-soft" }, "What the system holds and moves that is worth protecting."), add, ...assets.map((item) => this.#asset(item))];
  }

  #asset(item) {
    const { app } = this;
    const { words } = app.store;
    const send = (set) => app.actions.change("data", item.id, set);
    const key = (name) => `data/${item.id}/${name}`;
    const told = [item.classification, item.personal === true ? "personal" : null].filter(Boolean).join(", ");
    const classes = new Set(item.classes ?? []);
    return section({ key: `data/${item.id}`, title: [clean(item.name) || item.id, told ? h("small", { class: "tk-soft" }, ` ${told}`) : null], app },
      text({ label: "Name", key: key("name"), value: item.name, send: (said) => send({ name: said || null }) }),
      h("div", { class: "tk-pair" },
        choice({ label: "Classification", key: key("classification"), value: item.classification, options: wordOptions(words.classifications), send: (classification) => send({ classification }) }),
        truth({ label: "About people", key: key("personal"), value: item.personal, send: (personal) => send({ personal }) })),
      h("fieldset", { class: "tk-classes" }, h("legend", {}, "More classes"), words.data_classes.map(({ id }) => checkbox({
        key: key(`class/${id}`), label: spoken(id), value: classes.has(id),
        send: (on) => send({ classes: on ? [...classes, id] : [...classes].filter((other) => other !== id) }),
      }))),
      text({ label: "Id", key: key("id"), value: item.id, send: (to, field) => this.#renameId("data", item.id, to, field) }),
      h("button", { type: "button", class: "tk-button", "data-key": key("delete"), click: () => app.actions.remove([{ part: "data", id: item.id }]) }, "Delete this data asset"),
    );
  }

  // -- focus ---------------------------------------------------------------------------------------

  focusFirst() {
    this.app.toolbar.showPanel();
    this.tabs.choose("part");
    const first = this.part.querySelector("input, select, textarea, button");
    first?.focus();
    if (this.app.selection.length) this.app.announce("Panel. Press Escape to go back to the diagram.");
  }

  showData(id) {
    this.app.toolbar.showPanel();
    this.app.memory.set(`open/data/${id}`, true);
    this.data.dataset_seen = null;
    this.update();
    this.tabs.choose("data");
    [...this.data.querySelectorAll("[data-key]")].find((field) => field.dataset.key === `data/${id}/name`)?.focus();
  }

  focusName() {
    this.app.toolbar.showPanel();
    this.tabs.choose("part");
    const field = this.part.querySelector('[data-role="name"]');
    field?.focus();
    field?.select();
  }
}

const told = (item, list) => {
  const yes = (item[list] ?? []).length;
  return (item.complete ?? []).includes(list) ? `${yes}, all reviewed` : `${yes} present`;
};
const have = (list) => (list === null || list === undefined ? "unknown" : list.length || "none");
