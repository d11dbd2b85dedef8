// The editor of a data flow diagram: puts the parts together and keeps what one view of it remembers.
import { Actions } from "./actions.js";
import { Canvas } from "./canvas.js";
import { Connect } from "./connect.js";
import { Dialogs } from "./dialogs.js";
import { freshId, h } from "./dom.js";
import { Drag } from "./drag.js";
import { Findings } from "./findings.js";
import { Keys } from "./keys.js";
import { Naming } from "./naming.js";
import { Panel } from "./panel.js";
import { Store } from "./store.js";
import styles from "./styles.css";
import { Table } from "./table.js";
import { isDark, palette, watchTheme } from "./theme.js";
import { Toolbar } from "./toolbar.js";

class Editor {
  constructor(model, root) {
    this.root = root;
    this.name = freshId("editor");
    this.id = (word) => `${this.name}-${word}`;
    this.store = new Store(model);
    this.selection = []; // [{part, id}]
    this.memory = new Map(); // what people opened and searched
    this.mode = "look"; // or "connect", "place"
    this.view = "canvas"; // or "table"
    this.colors = palette(isDark(root));

    this.actions = new Actions(this);
    this.canvas = new Canvas(this);
    this.naming = new Naming(this);
    this.drag = new Drag(this);
    this.connect = new Connect(this);
    this.keys = new Keys(this);
    this.panel = new Panel(this);
    this.findings = new Findings(this);
    this.table = new Table(this);
    this.dialogs = new Dialogs(this);
    this.toolbar = new Toolbar(this);
    this.#build();
    this.#listen();
    this.#showState();
  }

  #build() {
    this.alert = h("div", { class: "tk-alert", role: "alert" });
    this.saving = h("p", { class: "tk-saving", role: "status" });
    this.spoken = h("p", { class: "tk-unseen", "aria-live": "polite" });
    const stage = h("div", { class: "tk-main" }, this.canvas.box, this.table.box);
    const side = h("div", { class: "tk-side" }, this.panel.box, this.findings.box);
    const foot = h("div", { class: "tk-foot" }, this.saving, this.findings.news);
    this.behind = [this.toolbar.box, stage, side, foot];
    this.root.append(h("style", {}, styles), this.toolbar.box, this.alert, h("div", { class: "tk-body" }, stage, side), foot, this.spoken, this.dialogs.box);
    this.root.dataset.dark = String(this.colors.dark);
  }

  #listen() {
    const { store, root } = this;
    store.on("state", () => this.#showState());
    store.on("saving", () => this.#showSaving());
    store.on("failed", (text) => this.fail(text));
    // Keys that are meant for the editor must not run, delete or move a notebook's cells.
    for (const name of ["keydown", "keyup", "keypress", "copy", "cut", "paste"]) {
      root.addEventListener(name, (event) => event.stopPropagation());
    }
    root.addEventListener("keydown", (event) => this.#anywhere(event));
    this.canvas.box.addEventListener("mousedown", (event) => {
      if (!event.target.closest(".tk-naming")) this.canvas.box.focus({ preventScroll: true });
    });
    this.canvas.whenReady(() => {
      this.canvas.cy.on("dbltap", "node, edge", () => this.mode === "look" && this.actions.rename());
      this.canvas.cy.on("tap", (event) => event.target === this.canvas.cy && this.findings.choose(null));
    });
    this.stopTheme = watchTheme(() => this.#theme());
    this.sizes = new ResizeObserver(() => this.#resized());
    this.sizes.observe(this.canvas.box);
    this.sizes.observe(root);
  }

  #resized() {
    const wide = this.root.clientWidth;
    this.root.dataset.width = wide >= 1240 ? "wide" : wide >= 640 ? "middle" : "narrow";
    this.#theme();
    this.canvas.resize();
  }

  #theme() {
    if (!this.root.isConnected) return;
    const dark = isDark(this.root);
    if (dark === this.colors.dark) return;
    this.colors = palette(dark);
    this.root.dataset.dark = String(dark);
    this.canvas.restyle();
  }

  /** Undo and redo work wherever the focus is, but in a field that has its own. */
  #anywhere(event) {
    const inField = event.target.matches("input:not([type=checkbox]), textarea");
    if (!inField && event.target !== this.canvas.box && (event.ctrlKey || event.metaKey) && !event.altKey) {
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) this.actions.redo();
      else this.actions.undo();
    } else if (event.key === "Escape" && !event.defaultPrevented && this.panel.box.contains(event.target)) {
      (this.view === "canvas" ? this.canvas.box : this.table.box.querySelector("input"))?.focus({ preventScroll: true });
    } else if (event.key.toLowerCase() === "t" && this.view === "table" && !inField && !event.target.matches("select, .tk-menu *")) {
      this.show("canvas");
    }
  }

  // -- showing ---------------------------------------------------------------------------------------

  #showState() {
    const { store } = this;
    this.selection = this.selection.filter(({ part, id }) => store.get(part, id));
    this.canvas.update();
    this.panel.update();
    this.table.update();
    this.findings.update();
    this.toolbar.update();
    this.#showSaving();
    this.dialogs.conflict();
  }

  #showSaving() {
    const { kind, text } = this.store.saving();
    const said = kind + text;
    if (this.saving.dataset.said === said) return;
    this.saving.dataset.said = said;
    this.saving.dataset.kind = kind;
    const sign = { saved: "✓", saving: "…", memory: "○", conflict: "⚠", error: "⚠", late: "⚠" }[kind];
    const decide = kind === "conflict"
      ? h("button", { type: "button", class: "tk-button", click: () => this.dialogs.askConflict() }, "Decide…") : null;
    this.saving.replaceChildren(h("span", { "aria-hidden": "true" }, `${sign} `), text, ...(decide ? [" ", decide] : []));
  }

  /** Select parts: on the drawing, in the panel and in the table. */
  select(parts) {
    this.selection = parts.filter(({ part, id }) => part !== "data" && this.store.get(part, id));
    this.canvas.showSelection();
    this.panel.update();
    this.table.update();
    this.toolbar.update();
  }

  show(view) {
    if (this.mode !== "look") this.connect.stop();
    this.view = view;
    this.canvas.box.hidden = view !== "canvas";
    this.table.box.hidden = view !== "table";
    this.toolbar.update();
    this.table.update();
    if (view === "canvas") {
      this.canvas.resize();
      this.canvas.box.focus({ preventScroll: true });
    } else this.table.focus();
    this.announce(view === "table" ? "Table view" : "Diagram view");
  }

  setMode(mode) {
    this.mode = mode;
    this.root.dataset.mode = mode;
    this.toolbar.update();
  }

  /** Say something to people who listen to the page. */
  announce(text) {
    this.spoken.textContent = text;
  }

  /** Show an error until it is shut or something works; an empty text takes it away. */
  fail(text) {
    if (!text) return this.alert.replaceChildren();
    this.alert.replaceChildren(h("span", { class: "tk-plain-text" }, text.slice(0, 600)),
      h("button", { type: "button", class: "tk-button", "aria-label": "Shut this message", click: () => this.alert.replaceChildren() }, "×"));
  }

  dispose() {
    this.stopTheme();
    this.sizes.disconnect();
    this.drag.dispose();
    this.connect.dispose();
    this.canvas.dispose();
    this.store.dispose();
    this.root.remove();
  }
}

function render({ model, el }) {
  const root = h("div", { class: "tk-editor", "data-lm-suppress-shortcuts": "true", "data-jp-suppress-context-menu": "true" });
  el.append(root);
  const editor = new Editor(model, root);
  root._editor = editor; // for tests and for people who look behind the curtain
  return () => editor.dispose();
}

export default { render };
