// Dragging boxes: where they are dropped decides the boundary that they lie in. One drop is one edit.
import { cyId, partId, placeKey } from "./canvas.js";

const MOVED = 0.5;

export class Drag {
  constructor(app) {
    this.app = app;
    this.moving = new Set();
    app.canvas.whenReady(() => this.#listen());
  }

  get cy() {
    return this.app.canvas.cy;
  }

  #listen() {
    const { cy } = this;
    cy.on("grabon", "node", (event) => this.#grab(event.target));
    cy.on("drag", "node", () => this.#drag());
    cy.on("freeon", "node", () => this.#drop());
    this.app.canvas.box.addEventListener("pointermove", (event) => (this.pointer = event), { capture: true });
  }

  #grab(node) {
    const group = node.selected() ? this.cy.nodes(":selected").union(node) : node;
    const family = group.union(group.descendants());
    this.tops = group.filter((one) => one.ancestors().intersection(group).empty()).toArray();
    this.moving = new Set(family.map((one) => one.id()));
    this.homes = new Map(this.tops.map((one) => [one.id(), one.parent().id() ?? null]));
    this.before = new Map(this.cy.nodes(":childless").map((one) => [one.id(), { ...one.position() }]));
    this.boxes = this.app.canvas.boundaryBoxes(this.moving); // as they were: a box that grows must not catch more
    this.outer = new Map(this.boxes.map(({ node: one, box }) => [one.id(), { x: (box.x1 + box.x2) / 2, y: (box.y1 + box.y2) / 2 }]));
    this.dragged = false;
  }

  #drag() {
    if (!this.moving.size || !this.pointer) return;
    this.dragged = true;
    const { canvas } = this.app;
    const target = canvas.boundaryAt(canvas.toModel(canvas.offset(this.pointer)), this.boxes);
    if (target === this.target && this.hinted) return;
    [this.target, this.hinted] = [target, true];
    this.cy.nodes(".target").removeClass("target");
    const parent = target?.id() ?? null;
    if (this.tops.some((one) => this.homes.get(one.id()) !== parent)) target?.addClass("target");
    for (const one of this.tops) {
      const old = one.parent();
      if ((old.id() ?? null) === parent) continue;
      one.move({ parent });
      // a box that lost its last content stays where it was
      if (old.nonempty() && old.isChildless() && this.outer.has(old.id())) old.position(this.outer.get(old.id()));
    }
    const renderer = this.cy.renderer();
    renderer.redrawHint("eles", true);
    renderer.redrawHint("drag", true);
  }

  async #drop() {
    if (!this.moving.size) return;
    const { app, cy } = this;
    cy.nodes(".target").removeClass("target");
    this.hinted = false;
    const tops = this.tops.map((one) => cy.getElementById(one.id()));
    const edit = this.dragged ? this.#edit(tops) : null;
    this.dragged = false;
    if (edit) {
      const answer = await app.store.send(edit);
      this.moving = new Set();
      if (answer.ok === false) app.canvas.update();
      else this.#tell(tops);
    } else {
      this.moving = new Set();
    }
  }

  /** What was dropped as one edit, or null: new places and new boundaries are one step to undo. */
  #edit(tops) {
    const { cy, app: { store } } = this;
    const positions = {};
    for (const node of cy.nodes(":childless").toArray()) {
      const [was, is] = [this.before.get(node.id()), node.position()];
      const far = !was || Math.abs(was.x - is.x) > MOVED || Math.abs(was.y - is.y) > MOVED;
      if (far) positions[placeKey(node)] = [round(is.x), round(is.y)];
    }
    const edits = [];
    for (const node of tops) {
      const { part, id } = partId(node);
      const key = part === "element" ? "in" : "inside";
      const now = node.parent().nonempty() ? node.parent().data("ref") : null;
      if ((store.get(part, id)?.[key] ?? null) !== now) edits.push({ do: "change", part, id, set: { [key]: now } });
    }
    if (edits.length === 1) return { ...edits[0], positions };
    if (edits.length) return { do: "all", edits, positions };
    return Object.keys(positions).length ? { do: "move", positions } : null;
  }

  #tell(tops) {
    const { app } = this;
    const changed = tops.filter((node) => (node.parent().id() ?? null) !== this.homes.get(node.id()));
    if (!changed.length) return;
    const { part, id } = partId(changed[0]);
    const into = changed[0].parent();
    const where = into.nonempty() ? `is now in ${app.store.label("boundary", into.data("ref"))}` : "is now outside any boundary";
    app.announce(`${app.store.label(part, id)} ${where}`);
  }

  /** Move the selected boxes by keys; the edit goes when the keys rest. */
  nudge(dx, dy) {
    const { app, cy } = this;
    const chosen = app.selection.map(({ part, id }) => cy.getElementById(cyId(part, id))).filter((item) => item.isNode());
    const leaves = new Set(chosen.flatMap((item) => [item, ...item.descendants().toArray()]).filter((n) => n.isChildless()));
    if (!leaves.size) return;
    for (const node of leaves) {
      this.moving.add(node.id());
      node.position({ x: node.position("x") + dx, y: node.position("y") + dy });
    }
    this.nudged = new Set([...(this.nudged ?? []), ...leaves]);
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.settle(), 350);
  }

  async settle() {
    clearTimeout(this.resting);
    const nodes = [...(this.nudged ?? [])];
    this.nudged = null;
    if (!nodes.length) return;
    const positions = Object.fromEntries(nodes.map((node) => [placeKey(node), [round(node.position("x")), round(node.position("y"))]]));
    const answer = await this.app.store.send({ do: "move", positions });
    this.moving = new Set();
    if (answer.ok === false) this.app.canvas.update();
  }

  dispose() {
    clearTimeout(this.resting);
  }
}

const round = (number) => Math.round(number * 10) / 10;
