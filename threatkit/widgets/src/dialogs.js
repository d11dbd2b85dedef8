// The questions that must be answered, and the help: dialogs inside the widget, so that several can be on one page.
import { clean, h } from "./dom.js";
import { KEYS } from "./keys.js";

export class Dialogs {
  constructor(app) {
    this.app = app;
    this.box = h("div", { class: "tk-veil", hidden: true });
    this.put_off = false;
    this.box.addEventListener("keydown", (event) => this.#key(event));
  }

  #open({ title, role = "dialog", body, buttons, escape }) {
    this.back = this.app.root.getRootNode().activeElement;
    const [head, text] = [this.app.id("dialog-title"), this.app.id("dialog-text")];
    this.escape = escape;
    const row = buttons.map(({ says, does, why }) => h("button", { type: "button", class: "tk-button tk-big", click: () => this.#close(does) },
      h("strong", {}, says), why ? h("span", {}, why) : null));
    const dialog = h("div", { class: "tk-dialog", role, "aria-modal": "true", "aria-labelledby": head, "aria-describedby": text },
      h("h3", { id: head }, title), h("div", { id: text, class: "tk-dialog-text" }, ...body), h("div", { class: "tk-buttons" }, ...row));
    this.box.replaceChildren(dialog);
    this.box.hidden = false;
    for (const pane of this.app.behind) pane.inert = true;
    row[row.length - 1].focus();
  }

  #close(does) {
    this.box.hidden = true;
    this.box.replaceChildren();
    for (const pane of this.app.behind) pane.inert = false;
    if (this.back?.isConnected) this.back.focus({ preventScroll: true });
    this.open = null;
    does?.();
  }

  #key(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      return this.#close(this.escape);
    }
    if (event.key !== "Tab") return;
    const stops = [...this.box.querySelectorAll("button")];
    const at = stops.indexOf(event.target);
    const next = at + (event.shiftKey ? -1 : 1);
    if (next >= 0 && next < stops.length) return;
    event.preventDefault(); // a question must be answered; Escape is "not now"
    stops[(next + stops.length) % stops.length].focus();
  }

  help() {
    this.open = "help";
    this.#open({
      title: "Keys on the diagram",
      body: [
        h("table", { class: "tk-keys" }, h("tbody", {}, KEYS.map(([keys, does]) => h("tr", {}, h("th", { scope: "row" }, keys), h("td", {}, does))))),
        h("p", {}, "With the mouse: drag boxes to move them, into or out of a boundary; drag the round handle of an element to another one for a flow; double-click to rename; Shift+click or Shift+drag selects several; Ctrl+wheel zooms. The key T shows the same as tables."),
      ],
      buttons: [{ says: "Close" }],
    });
  }

  /** Ask once for each conflict; "not now" leaves a line with a button. */
  conflict() {
    const { state } = this.app.store;
    if (state.saved.status !== "conflict") {
      this.put_off = false;
      if (this.open === "conflict") this.#close();
      return;
    }
    if (!this.put_off && this.open !== "conflict") this.askConflict();
  }

  askConflict() {
    const { app } = this;
    const { saved } = app.store.state;
    const file = clean(String(saved.path ?? "the file").split(/[\\/]/).pop(), 60);
    const resolve = (keep) => () => app.store.send({ do: "resolve", keep });
    this.open = "conflict";
    this.put_off = true;
    this.#open({
      title: `Two versions of ${file}`, role: "alertdialog",
      body: [
        h("p", {}, clean(saved.message, 400) || "The file has changed on disk; nothing was written."),
      ],
      buttons: [
        { says: "Keep mine", why: "what is drawn here becomes the file; the other version stays in a copy beside it", does: resolve("mine") },
        { says: "Take theirs", why: "the file is drawn here; undo brings back what is here now", does: resolve("theirs") },
        { says: "Not now", why: "both stay as they are; nothing is saved meanwhile" },
      ],
    });
  }
}
