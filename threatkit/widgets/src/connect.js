// Pointer work that is not dragging boxes: placing something new, and drawing a flow from one element to another.
import { cyId } from "./canvas.js";
import { h, svg } from "./dom.js";

const NEAR = 6; // px: less is a click, more is a drag

export class Connect {
  constructor(app) {
    this.app = app;
    this.handle = h("div", { class: "tk-handle", "aria-hidden": "true", title: "Drag to another element: a new flow" });
    this.handle.hidden = true;
    app.canvas.box.append(this.handle);
    app.canvas.whenReady(() => this.#listen());
  }

  get canvas() {
    return this.app.canvas;
  }

  #listen() {
    const { box, cy } = this.canvas;
    box.addEventListener("pointerdown", (event) => this.#down(event), { capture: true });
    for (const name of ["mousedown", "touchstart"]) {
      // while placing or connecting, the drawing must not take the pointer for itself
      box.addEventListener(name, (event) => {
        if (this.#busy(event)) event.stopPropagation();
      }, { capture: true });
    }
    this.move = (event) => this.#move(event);
    this.up = (event) => this.#up(event);
    window.addEventListener("pointermove", this.move);
    window.addEventListener("pointerup", this.up);
    cy.on("mouseover", "node.element", (event) => this.#showHandle(event.target));
    cy.on("viewport drag remove", () => this.#hideHandle());
    box.addEventListener("pointerleave", () => this.#hideHandle());
  }

  dispose() {
    window.removeEventListener("pointermove", this.move);
    window.removeEventListener("pointerup", this.up);
  }

  #busy(event) {
    return this.app.mode !== "look" || event.target === this.handle;
  }

  #showHandle(node) {
    if (this.app.mode !== "look" || this.app.drag.moving.size) return;
    this.hovered = node.id();
    const [at, wide] = [node.renderedPosition(), node.renderedOuterWidth()];
    this.handle.style.left = `${at.x + wide / 2 + 2}px`;
    this.handle.style.top = `${at.y}px`;
    this.handle.hidden = false;
  }

  #hideHandle() {
    if (!this.from) this.handle.hidden = true;
  }

  // -- modes -----------------------------------------------------------------------------------------

  /** Click twice, or drag: a flow. With an element given, only the target is missing. */
  begin(source = null) {
    this.app.setMode("connect");
    this.#from(source);
    this.canvas.say(source
      ? `From ${this.app.store.label("element", source)}: choose where the flow goes (click, or arrows and Enter). Esc stops.`
      : "Click the element that the flow comes from, then the one that it goes to. Esc stops.");
  }

  /** Wait for a click that says where something new goes. */
  place(what) {
    this.app.setMode("place");
    this.what = what;
    this.canvas.say(`Click where the ${what.says} goes, or press Enter to put it into ${this.#middle().says}. Esc stops.`);
  }

  stop() {
    this.app.setMode("look");
    this.#from(null);
    this.what = null;
    this.#line(null);
    this.canvas.say("");
  }

  #from(id) {
    const { cy } = this.canvas;
    this.from = id;
    cy?.nodes(".end").removeClass("end");
    if (id) cy?.getElementById(cyId("element", id)).addClass("end");
  }

  // -- pointer ---------------------------------------------------------------------------------------

  #down(event) {
    if (event.button !== 0 || event.target.closest(".tk-naming")) return;
    if (!this.#busy(event)) return;
    event.stopPropagation();
    event.preventDefault(); // no text selection, no focus on what lies below
    this.canvas.box.focus({ preventScroll: true });
    const at = this.canvas.offset(event);
    this.started = at;
    if (event.target === this.handle) {
      this.app.setMode("connect");
      this.#from(this.canvas.cy.getElementById(this.hovered).data("ref"));
      this.dragging = true;
      this.handle.hidden = true;
    } else if (this.app.mode === "place") {
      this.#put(this.canvas.toModel(at));
    } else if (this.app.mode === "connect") {
      const id = this.canvas.elementAt(this.canvas.toModel(at))?.data("ref") ?? null;
      if (!this.from) {
        if (id) this.begin(id);
        this.dragging = Boolean(id);
      } else if (id) this.finish(id, at);
      else this.stop();
    }
  }

  #move(event) {
    if (this.app.mode !== "connect" || !this.from) return;
    const at = this.canvas.offset(event);
    this.#line(at);
    const over = this.canvas.elementAt(this.canvas.toModel(at));
    this.canvas.cy.nodes(".end").filter((node) => node.data("ref") !== this.from).removeClass("end");
    over?.addClass("end");
  }

  #up(event) {
    if (!this.dragging || this.app.mode !== "connect") return;
    this.dragging = false;
    const at = this.canvas.offset(event);
    if (Math.hypot(at.x - this.started.x, at.y - this.started.y) < NEAR) return this.begin(this.from); // a click
    const id = this.canvas.elementAt(this.canvas.toModel(at))?.data("ref");
    if (id && id !== this.from) this.finish(id, at);
    else this.stop();
  }

  #line(to) {
    const { lines, cy } = this.canvas;
    if (!to || !this.from) return lines.replaceChildren();
    const from = cy.getElementById(cyId("element", this.from)).renderedPosition();
    lines.replaceChildren(
      svg("line", { x1: from.x, y1: from.y, x2: to.x, y2: to.y }),
      svg("circle", { cx: to.x, cy: to.y, r: 5 }),
    );
  }

  // -- what comes of it --------------------------------------------------------------------------------

  async finish(target, at = null) {
    const { app, canvas } = this;
    const source = this.from;
    this.stop();
    if (!source) return;
    const [a, b] = [source, target].map((id) => canvas.cy.getElementById(cyId("element", id)).renderedPosition());
    const middle = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
    const name = await app.naming.ask({ at: source === target && at ? at : middle, label: "Name of the flow (may stay empty)" });
    if (name === null) return app.announce("No flow was added");
    app.actions.add("flow", { from: source, to: target, ...(name ? { name } : {}) });
  }

  /** Where something new goes when nobody pointed: beside what is selected, else the middle of the view. */
  #middle() {
    const { app, canvas } = this;
    const only = app.selection.length === 1 ? app.selection[0] : null;
    const node = only && canvas.cy?.getElementById(cyId(only.part, only.id));
    if (node?.nonempty() && node.isNode()) {
      const home = only.part === "boundary" ? node : node.parent();
      const says = home.nonempty() ? app.store.label("boundary", home.data("ref")) : "the free space";
      return { home, beside: node, says };
    }
    return { home: null, beside: null, says: "the middle" };
  }

  putInMiddle() {
    const { cy } = this.canvas;
    const { home, beside } = this.#middle();
    const view = cy.extent();
    let at = { x: (view.x1 + view.x2) / 2, y: (view.y1 + view.y2) / 2 };
    if (beside?.hasClass("element")) at = { x: beside.position("x") + 190, y: beside.position("y") };
    else if (home?.nonempty() && home.isChildless()) at = { ...home.position() };
    else if (home?.nonempty()) {
      const box = home.children().boundingBox({ includeLabels: false });
      at = { x: (box.x1 + box.x2) / 2, y: box.y2 + 60 };
    }
    at = this.#free(at, this.what.part === "boundary" ? [230, 130] : [160, 80]);
    this.#put(at, home?.nonempty() ? home : null);
  }

  /** The nearest place from here, going down, that no box covers. */
  #free(at, [wide, high]) {
    const nodes = this.canvas.cy.nodes(this.what.part === "boundary" ? "" : ".element").toArray();
    const covered = (y) => nodes.some((node) => {
      const box = node.boundingBox({ includeLabels: false });
      return box.x1 < at.x + wide / 2 && box.x2 > at.x - wide / 2 && box.y1 < y + high / 2 && box.y2 > y - high / 2;
    });
    let { y } = at;
    for (let tries = 0; covered(y) && tries < 60; tries += 1) y += 40;
    return { x: at.x, y };
  }

  async #put(at, home = this.canvas.boundaryAt(at)) {
    const { app, canvas, what } = this;
    this.stop();
    const { x, y } = canvas.cy.pan();
    const zoom = canvas.cy.zoom();
    const where = home ? home.data("ref") : null;
    const name = await app.naming.ask({ at: { x: at.x * zoom + x, y: at.y * zoom + y }, label: `Name of the ${what.says}` });
    if (name === null) return app.announce("Nothing was added");
    const set = { ...what.set, ...(name ? { name } : {}) };
    if (where) set[what.part === "element" ? "in" : "inside"] = where;
    app.actions.add(what.part, set, [Math.round(at.x), Math.round(at.y)]);
  }
}
