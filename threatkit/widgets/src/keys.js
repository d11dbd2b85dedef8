// The keyboard on the drawing. Tab is never taken: it leads on to the next field of the page.
import { partId } from "./canvas.js";
import { count, spoken } from "./dom.js";

const STEP = 20;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** What the help shows: keys, and what they do. */
export const KEYS = [
  ["Arrows", "go to the next element in that direction"],
  ["N, Shift+N", "next and previous part: boundaries, elements, flows"],
  ["Shift+Arrows", "move what is selected"],
  ["A", "add an element"],
  ["B", "add a boundary"],
  ["C", "connect: a flow from the selected element, then arrows and Enter"],
  ["F2 or R", "rename"],
  ["Enter", "go to the panel: kind, boundary, controls, data"],
  ["Delete", "delete what is selected"],
  ["Ctrl+Z, Ctrl+Shift+Z", "undo, redo"],
  ["Ctrl+A", "select all"],
  ["+  −  0", "zoom in, zoom out, show all"],
  ["T", "the table view, and back"],
  ["Esc", "stop, or select nothing"],
  ["?", "this list"],
];

export class Keys {
  constructor(app) {
    this.app = app;
    app.canvas.box.addEventListener("keydown", (event) => this.#press(event));
  }

  #press(event) {
    if (event.target !== this.app.canvas.box || event.altKey || event.key === "Tab") return;
    const taken = event.ctrlKey || event.metaKey ? this.#withControl(event) : this.#plain(event);
    if (taken) event.preventDefault();
  }

  #withControl(event) {
    const { actions, canvas, store } = this.app;
    const key = event.key.toLowerCase();
    if (key === "z") event.shiftKey ? actions.redo() : actions.undo();
    else if (key === "y") actions.redo();
    else if (key === "a") {
      const both = ["boundary", "element", "flow"].flatMap((part) => store.list(part).map(({ id }) => ({ part, id })));
      this.app.select(both);
      this.app.announce(`${count(both.length, "part")} selected`);
    } else if (key === "+" || key === "=") canvas.zoom(1.25);
    else if (key === "-") canvas.zoom(0.8);
    else return false;
    return true;
  }

  #plain(event) {
    const { app } = this;
    const { key } = event;
    if (key in ARROWS) {
      const [dx, dy] = ARROWS[key];
      if (event.shiftKey) app.drag.nudge(dx * STEP, dy * STEP);
      else this.#go(dx, dy);
      return true;
    }
    const does = {
      n: () => this.#turn(event.shiftKey ? -1 : 1),
      a: () => app.toolbar.openAdd(),
      b: () => app.actions && app.toolbar.addBoundary(),
      c: () => this.#connect(),
      r: () => app.actions.rename(),
      f2: () => app.actions.rename(),
      enter: () => this.#enter(),
      delete: () => app.actions.remove(),
      backspace: () => app.actions.remove(),
      "+": () => app.canvas.zoom(1.25),
      "=": () => app.canvas.zoom(1.25),
      "-": () => app.canvas.zoom(0.8),
      0: () => app.canvas.fit(),
      t: () => app.show("table"),
      "?": () => app.dialogs.help(),
      escape: () => this.#escape(),
    }[key.toLowerCase()];
    if (!does) return false;
    does();
    return true;
  }

  #escape() {
    if (this.app.mode !== "look") {
      this.app.connect.stop();
      this.app.announce("Stopped");
    } else {
      this.app.select([]);
      this.app.findings.choose(null);
    }
  }

  #enter() {
    const { app } = this;
    if (app.mode === "place") return app.connect.putInMiddle();
    if (app.mode !== "connect") return app.panel.focusFirst();
    const one = app.selection[0];
    if (one?.part !== "element") return app.announce("Go to an element with the arrows first");
    if (!app.connect.from) return app.connect.begin(one.id);
    return app.connect.finish(one.id);
  }

  #connect() {
    const one = this.app.selection.length === 1 ? this.app.selection[0] : null;
    this.app.connect.begin(one?.part === "element" ? one.id : null);
  }

  /** To the nearest element in a direction: straight ahead counts more than aside. */
  #go(dx, dy) {
    const { cy } = this.app.canvas;
    const nodes = cy?.nodes(".element").toArray() ?? [];
    if (!nodes.length) return this.app.announce("Nothing is drawn yet. Press A to add an element.");
    const from = cy.nodes(":selected");
    if (from.empty()) return this.#choose(nodes[0]);
    const at = from[0].position();
    let best = null;
    for (const node of nodes) {
      if (node.selected()) continue;
      const [x, y] = [node.position("x") - at.x, node.position("y") - at.y];
      const [ahead, aside] = [x * dx + y * dy, Math.abs(x * dy) + Math.abs(y * dx)];
      if (ahead <= 1 || aside > 3 * ahead) continue;
      const far = ahead + 2 * aside;
      if (!best || far < best.far) best = { far, node };
    }
    if (best) this.#choose(best.node);
    else this.app.announce("There is no element in that direction");
  }

  /** Through all parts in reading order: boundaries, elements, flows. */
  #turn(step) {
    const { cy } = this.app.canvas;
    const all = [...cy.nodes(".boundary").toArray(), ...cy.nodes(".element").toArray(), ...cy.edges().toArray()];
    if (!all.length) return;
    const at = all.findIndex((item) => item.selected());
    const next = at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length;
    this.#choose(all[next]);
  }

  #choose(item) {
    const one = partId(item);
    this.app.select([one]);
    this.app.canvas.reveal(one.part, one.id);
    this.app.announce(this.#told(one));
  }

  #told({ part, id }) {
    const { store } = this.app;
    const found = count((store.findingsAt.get(id) ?? []).length, "finding");
    if (part === "flow") return `Flow ${store.flowLabel(id)}, ${found}`;
    const item = store.get(part, id);
    if (part === "boundary") return `Boundary ${store.label(part, id)}, ${spoken(item.trust ?? "trust unknown")}`;
    const [out, into] = ["from", "to"].map((end) => store.state.flows.filter((flow) => flow[end] === id).length);
    const home = item.in ? `in ${store.label("boundary", item.in)}` : "outside any boundary";
    return `${store.label(part, id)}, ${spoken(item.kind)}, ${home}, ${out} out, ${into} in, ${found}`;
  }
}
