// The row of buttons, and the menus of kinds that some of them open.
import { clean, h, spoken, svg } from "./dom.js";

const ICONS = {
  external: () => [svg("rect", { x: 2, y: 4, width: 16, height: 12 })],
  process: () => [svg("rect", { x: 2, y: 4, width: 16, height: 12, rx: 5 })],
  store: () => [svg("path", { d: "M2 5h16M2 15h16" })],
  boundary: () => [svg("rect", { x: 2, y: 3, width: 16, height: 14, rx: 2, "stroke-dasharray": "3 2" })],
  connect: () => [svg("path", { d: "M2 10h13M11 6l5 4-5 4" })],
};
const icon = (name) => svg("svg", { viewBox: "0 0 20 20", width: 16, height: 16, "aria-hidden": "true", class: "tk-icon" }, ICONS[name]());
const SAYS = { external: "external entity", process: "process", store: "data store" };
const SHORT = { external: "External", process: "Process", store: "Store" };

export class Toolbar {
  constructor(app) {
    this.app = app;
    const { actions, canvas } = app;
    const button = (label, title, click, more = {}) => h("button", { type: "button", class: "tk-button", title, click, ...more }, label);
    this.adders = Object.keys(SAYS).map((shape) => this.#adder(shape));
    this.boundary = button([icon("boundary"), "Boundary"], "Add a trust boundary (B)", () => this.addBoundary());
    this.connect = button([icon("connect"), "Connect"], "Draw a flow from one element to another (C)", () => this.#toggleConnect(), { "aria-pressed": "false" });
    this.rename = button("Rename", "Rename what is selected (F2)", () => actions.rename());
    this.remove = button("Delete", "Delete what is selected (Delete)", () => actions.remove());
    this.undo = button("Undo", "Undo (Ctrl+Z)", () => actions.undo());
    this.redo = button("Redo", "Redo (Ctrl+Shift+Z)", () => actions.redo());
    this.canvasOnly = [
      this.connect,
      button("Arrange", "Lay everything out anew; undo brings your own places back", () => actions.arrange()),
      button("−", "Zoom out (−)", () => canvas.zoom(0.8), { "aria-label": "Zoom out" }),
      button("+", "Zoom in (+)", () => canvas.zoom(1.25), { "aria-label": "Zoom in" }),
      button("Fit", "Show the whole diagram (0)", () => canvas.fit()),
    ];
    this.table = button("Table", "The same as tables: for the keyboard and screen readers (T)", () => app.show(app.view === "table" ? "canvas" : "table"), { "aria-pressed": "false" });
    this.panel = button("Panel", "Hide what is beside the diagram, for a larger picture", () => this.#togglePanel(), { "aria-pressed": "true" });
    this.full = button("Full screen", "Fill the screen, and back", () => this.#fullScreen());
    this.help = button("Keys", "What the keys do (?)", () => app.dialogs.help(), { "aria-haspopup": "dialog" });
    const group = (label, ...items) => h("div", { class: "tk-group", role: "group", "aria-label": label }, ...items);
    this.box = h("div", { class: "tk-toolbar", role: "toolbar", "aria-label": "Diagram editor" },
      group("Add", ...this.adders.map(({ box }) => box), this.boundary, this.connect),
      group("Change", this.rename, this.remove, this.undo, this.redo),
      group("View", ...this.canvasOnly.slice(1), this.table, this.panel, this.full, this.help),
    );
    this.box.addEventListener("focusout", (event) => {
      if (this.open && !this.open.box.contains(event.relatedTarget)) this.#shut();
    });
  }

  #adder(shape) {
    const list = h("div", { class: "tk-menu", role: "menu", "aria-label": `Kind of ${SAYS[shape]}`, hidden: true });
    const button = h("button", {
      type: "button", class: "tk-button", title: `Add ${SAYS[shape] === "external entity" ? "an" : "a"} ${SAYS[shape]}: choose the kind (A)`,
      "aria-haspopup": "menu", "aria-expanded": "false", click: () => (this.open?.list === list ? this.#shut() : this.#show(adder)),
    }, icon(shape), SHORT[shape], h("span", { "aria-hidden": "true" }, " ▾"));
    const box = h("span", { class: "tk-adder" }, button, list);
    const adder = { shape, list, button, box };
    list.addEventListener("keydown", (event) => this.#menuKey(event));
    return adder;
  }

  #show(adder) {
    this.#shut();
    const { app } = this;
    const kinds = app.store.words.kinds.filter((kind) => kind.shape === adder.shape);
    adder.list.replaceChildren(...kinds.map((kind) => h("button", {
      type: "button", role: "menuitem", tabIndex: -1, class: "tk-item", click: () => this.#chosen(adder.shape, kind.id),
    }, h("strong", {}, spoken(kind.id)), kind.says ? h("span", { class: "tk-soft" }, clean(kind.says, 120)) : null)));
    adder.list.hidden = false;
    adder.button.setAttribute("aria-expanded", "true");
    this.open = adder;
    adder.list.querySelector("button")?.focus();
  }

  #shut(back = false) {
    const { open } = this;
    if (!open) return;
    this.open = null;
    open.list.hidden = true;
    open.button.setAttribute("aria-expanded", "false");
    if (back) open.button.focus();
  }

  #menuKey(event) {
    const items = [...this.open.list.querySelectorAll("button")];
    const at = items.indexOf(event.target);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) items[(at + step + items.length) % items.length].focus();
    else if (event.key === "Home") items[0].focus();
    else if (event.key === "End") items[items.length - 1].focus();
    else if (event.key === "Escape") this.#shut(true);
    else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      const here = this.adders.indexOf(this.open);
      const turn = event.key === "ArrowRight" ? 1 : -1;
      this.#show(this.adders[(here + turn + this.adders.length) % this.adders.length]);
    } else if (/^[a-z]$/i.test(event.key) && !event.ctrlKey && !event.metaKey) {
      const rest = [...items.slice(at + 1), ...items.slice(0, at + 1)];
      rest.find((item) => item.textContent.toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
    } else return;
    event.preventDefault();
  }

  #chosen(shape, kind) {
    this.#shut();
    const { app } = this;
    if (app.view === "table") return app.table.startElement(kind);
    app.canvas.box.focus({ preventScroll: true });
    app.connect.place({ part: "element", set: { kind }, says: spoken(kind) });
  }

  openAdd() {
    this.#show(this.adders[1]);
  }

  addBoundary() {
    const { app } = this;
    if (app.view === "table") return app.table.startBoundary();
    app.canvas.box.focus({ preventScroll: true });
    app.connect.place({ part: "boundary", set: {}, says: "boundary" });
  }

  #toggleConnect() {
    const { app } = this;
    if (app.mode === "connect") return app.connect.stop();
    const one = app.selection.length === 1 && app.selection[0].part === "element" ? app.selection[0].id : null;
    app.canvas.box.focus({ preventScroll: true });
    app.connect.begin(one);
  }

  #togglePanel(on = this.app.root.dataset.panel === "off") {
    this.app.root.dataset.panel = on ? "on" : "off";
    this.panel.setAttribute("aria-pressed", String(on));
  }

  showPanel() {
    if (this.app.root.dataset.panel === "off") this.#togglePanel(true);
  }

  #fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else this.app.root.requestFullscreen?.().catch(() => this.app.announce("The browser does not allow the full screen here"));
  }

  update() {
    const { app } = this;
    const { state } = app.store;
    const on = (button, yes) => button.setAttribute("aria-disabled", yes ? "false" : "true");
    on(this.undo, state.can_undo);
    on(this.redo, state.can_redo);
    on(this.remove, app.selection.length);
    on(this.rename, app.selection.length === 1);
    this.undo.title = `Undo${state.undo_says ? `: ${clean(state.undo_says, 80)}` : ""} (Ctrl+Z)`;
    this.redo.title = `Redo${state.redo_says ? `: ${clean(state.redo_says, 80)}` : ""} (Ctrl+Shift+Z)`;
    this.connect.setAttribute("aria-pressed", String(app.mode === "connect"));
    const table = app.view === "table";
    this.table.textContent = table ? "Canvas" : "Table";
    this.table.title = table ? "Back to the drawing (T)" : "The same as tables: for the keyboard and screen readers (T)";
    this.table.removeAttribute("aria-pressed");
    for (const button of this.canvasOnly) button.hidden = table;
  }
}
