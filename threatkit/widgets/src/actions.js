// What people can do, for the toolbar, the keys, the panel and the table alike.
import { count, editable } from "./dom.js";

const WORDS = { element: "element", flow: "flow", boundary: "boundary", data: "data asset" };

export class Actions {
  constructor(app) {
    this.app = app;
  }

  get store() {
    return this.app.store;
  }

  /** Add a part and select it. Resolves to its id, or null. */
  async add(part, set, at = undefined) {
    const answer = await this.store.send({ do: "add", part, set, ...(at ? { at } : {}) });
    if (answer.ok === false) return null;
    const id = answer.ids?.[0] ?? null;
    if (id === null) return null;
    if (part !== "data") this.app.select([{ part, id }]);
    this.app.announce(`Added ${WORDS[part]} ${part === "flow" ? this.store.flowLabel(id) : this.store.label(part, id)}`);
    return id;
  }

  change(part, id, set) {
    return this.store.send({ do: "change", part, id, set });
  }

  async renameId(part, id, to) {
    const before = this.app.selection;
    const answer = await this.store.send({ do: "rename", part, id, to });
    if (answer.ok === false) return answer;
    // the new state came first, and the old id was gone from the selection
    this.app.select(before.map((one) => (one.part === part && one.id === id ? { part, id: to } : one)));
    return answer;
  }

  async remove(parts = this.app.selection) {
    if (!parts.length) return this.app.announce("Nothing is selected");
    const says = parts.length === 1 ? this.describe(parts[0]) : count(parts.length, "part");
    const answer = await this.store.send({ do: "remove", parts: parts.map(({ part, id }) => ({ part, id })) });
    if (answer.ok !== false) this.app.announce(`Deleted ${says}. Undo brings it back.`);
    return answer;
  }

  async undo() {
    if (!this.store.state.can_undo) return this.app.announce("There is nothing to undo");
    const says = this.store.state.undo_says;
    const answer = await this.store.send({ do: "undo" });
    if (answer.ok !== false) this.app.announce(`Undone${says ? `: ${says}` : ""}`);
  }

  async redo() {
    if (!this.store.state.can_redo) return this.app.announce("There is nothing to redo");
    const says = this.store.state.redo_says;
    const answer = await this.store.send({ do: "redo" });
    if (answer.ok !== false) this.app.announce(`Done again${says ? `: ${says}` : ""}`);
  }

  async arrange() {
    const answer = await this.store.send({ do: "arrange" });
    if (answer.ok !== false) this.app.canvas.fit();
  }

  /** Rename in place: what people read, not the id. */
  async rename(one = this.app.selection[0]) {
    const { app } = this;
    if (!one) return app.announce("Select what to rename first");
    const at = app.canvas.nameSpot(one);
    if (!at || app.view !== "canvas") return app.panel.focusName();
    const before = editable(this.store.get(one.part, one.id)?.name);
    const name = await app.naming.ask({ at, label: `Name of ${this.describe(one)}`, value: before });
    if (name === null || name === before) return;
    await this.change(one.part, one.id, { name: name || null });
  }

  /** A part in a few words: "element Assistant". */
  describe({ part, id }) {
    return `${WORDS[part]} ${part === "flow" ? this.store.flowLabel(id, 40) : this.store.label(part, id, 40)}`;
  }
}
