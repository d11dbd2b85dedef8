// The drawing: keeps Cytoscape in step with the state. What people do on it is in drag.js, connect.js and keys.js.
import cytoscape from "cytoscape";
import { clean, count, h, svg } from "./dom.js";
import { letter } from "./labels.js";
import { boundaryData, elementData, flowData } from "./shapes.js";
import { stylesheet } from "./theme.js";

const FAR = 0.5; // px: a position that differs by less is the same
const MOST_ZOOM = 1.3;

export const cyId = (part, id) => `${part}:${id}`;
/** The key of a position: an empty boundary has its own, since its id may be that of an element. */
export const placeKey = (node) => (node.data("part") === "boundary" ? node.id() : node.data("ref"));
export const partId = (node) => ({ part: node.data("part"), id: node.data("ref") });

export class Canvas {
  constructor(app) {
    this.app = app;
    this.font = "";
    this.stage = h("div", { class: "tk-stage", "aria-hidden": "true" });
    this.lines = svg("svg", { class: "tk-lines", "aria-hidden": "true" });
    this.hint = h("p", { class: "tk-hint", hidden: true });
    this.empty = h("p", { class: "tk-empty", hidden: true },
      "Nothing is drawn yet. Add an external entity, a process or a data store with the buttons above, then connect them.");
    this.summary = h("p", { class: "tk-unseen", id: app.id("summary") });
    this.box = h("div", {
      class: "tk-canvas", tabIndex: 0, role: "application", "aria-roledescription": "data flow diagram",
      "aria-label": "Diagram", "aria-describedby": this.summary.id, "data-key": "canvas",
    }, this.stage, this.lines, this.empty, this.hint);
    this.waiting = [];
  }

  /** Make the drawing once the box has a size; Cytoscape cannot measure what is not on the page. */
  start() {
    this.font = getComputedStyle(this.app.root).fontFamily || "sans-serif";
    this.cy = cytoscape({
      container: this.stage, style: stylesheet(this.app.colors, this.font), minZoom: 0.1, maxZoom: 4,
      userZoomingEnabled: false, boxSelectionEnabled: true, selectionType: "single", motionBlur: false,
      styleEnabled: true, wheelSensitivity: 0.3,
    });
    this.cy.on("drag", "node", () => this.letterSoon());
    this.cy.on("select unselect", () => this.#picked());
    this.cy.on("dragpan pinchzoom grab", () => (this.moved = true));
    this.#wheel();
    // The renderer keeps the box's place on the page; a notebook scrolls, so measure again before the pointer is used.
    for (const name of ["pointerdown", "pointerenter", "mousedown", "touchstart"]) {
      this.box.addEventListener(name, () => this.measure(), { capture: true, passive: true });
    }
    this.update();
    this.fit();
    for (const call of this.waiting.splice(0)) call();
  }

  measure() {
    this.cy?.renderer().invalidateContainerClientCoordsCache();
  }

  resize() {
    if (!this.stage.clientWidth || !this.stage.clientHeight) return;
    if (!this.cy) this.start();
    else {
      this.cy.resize();
      this.measure();
      if (!this.moved) this.fit(); // nobody has chosen another view yet
    }
  }

  whenReady(call) {
    if (this.cy) call();
    else this.waiting.push(call);
  }

  dispose() {
    cancelAnimationFrame(this.lettering);
    this.cy?.destroy();
    this.cy = null;
  }

  restyle() {
    if (!this.cy) return;
    this.cy.style(stylesheet(this.app.colors, this.font));
    this.update();
  }

  // -- the state onto the drawing ----------------------------------------------------------------

  update() {
    const { cy, app } = this;
    const { store } = app;
    this.#describe();
    if (!cy) return;
    this.quiet = true;
    cy.batch(() => {
      const wanted = this.#wanted();
      cy.elements().filter((item) => !wanted.has(item.id())).remove();
      for (const [id, item] of wanted) this.#put(id, item);
    });
    cy.batch(() => this.#place(store.state.positions ?? {}));
    this.quiet = false;
    this.letterSoon();
    this.showSelection();
    this.empty.hidden = cy.elements().nonempty();
  }

  #wanted() {
    const { store, colors } = this.app;
    const wanted = new Map();
    const outer = (id) => (store.get("boundary", id) ? cyId("boundary", id) : null);
    for (const { boundary: b } of store.boundaryTree()) {
      const data = { part: "boundary", ref: b.id, ...boundaryData(b, store, this.font) };
      wanted.set(cyId("boundary", b.id), { group: "nodes", classes: "boundary", parent: outer(b.inside), data });
    }
    for (const e of store.state.elements) {
      const data = { part: "element", ref: e.id, ...elementData(e, store, colors, this.font) };
      wanted.set(cyId("element", e.id), { group: "nodes", classes: `element ${store.shape(e)}`, parent: outer(e.in), data });
    }
    for (const f of store.state.flows) {
      if (!store.get("element", f.from) || !store.get("element", f.to)) continue;
      const ends = { source: cyId("element", f.from), target: cyId("element", f.to) };
      const crossing = (store.get("element", f.from).in ?? null) !== (store.get("element", f.to).in ?? null);
      const data = { part: "flow", ref: f.id, ...ends, ...flowData(f, store, this.font) };
      wanted.set(cyId("flow", f.id), { group: "edges", classes: crossing ? "crossing" : "", data });
    }
    return wanted;
  }

  #put(id, { group, classes, parent, data }) {
    const { cy } = this;
    const item = cy.getElementById(id);
    if (item.empty()) {
      cy.add({ group, classes, data: { id, ...data, ...(parent ? { parent } : {}) } });
      return;
    }
    if (group === "nodes" && (item.parent().id() ?? null) !== parent) item.move({ parent });
    if (group === "edges" && (item.source().id() !== data.source || item.target().id() !== data.target)) {
      item.move({ source: data.source, target: data.target });
    }
    const now = cy.getElementById(id);
    now.data(data);
    const kept = ["dim", "lit", "target", "end"].filter((name) => now.hasClass(name));
    now.classes([...classes.split(" "), ...kept].join(" "));
  }

  #place(positions) {
    const moving = this.app.drag?.moving ?? new Set();
    for (const node of this.cy.nodes(":childless").toArray()) {
      const at = positions[placeKey(node)];
      if (!at || moving.has(node.id())) continue;
      const is = node.position();
      if (Math.abs(is.x - at[0]) > FAR || Math.abs(is.y - at[1]) > FAR) node.position({ x: at[0], y: at[1] });
    }
  }

  /** Letter the flows anew, once for all that happens before the next picture. */
  letterSoon() {
    if (this.lettering) return;
    this.lettering = requestAnimationFrame(() => {
      this.lettering = 0;
      if (this.cy && this.cy.width() > 0) letter(this.cy);
    });
  }

  #describe() {
    const { state } = this.app.store;
    this.box.setAttribute("aria-label", `Diagram of ${clean(state.name, 80) || "the system"}`);
    this.summary.textContent =
      `${count(state.elements.length, "element")}, ${count(state.flows.length, "flow")}, ` +
      `${count(state.boundaries.length, "boundary", "boundaries")}, ${count(state.findings.length, "finding")}. ` +
      "Arrow keys go from element to element, N to the next part; press ? for all keys. The table view holds the same as text.";
  }

  // -- selection and light -----------------------------------------------------------------------

  showSelection() {
    if (!this.cy) return;
    this.quiet = true;
    const wanted = new Set(this.app.selection.map(({ part, id }) => cyId(part, id)));
    this.cy.batch(() => {
      for (const item of this.cy.elements().toArray()) {
        if (wanted.has(item.id()) !== item.selected()) wanted.has(item.id()) ? item.select() : item.unselect();
      }
    });
    this.quiet = false;
  }

  #picked() {
    if (this.quiet || this.picking) return;
    this.picking = true;
    queueMicrotask(() => {
      this.picking = false;
      if (this.cy) this.app.select(this.cy.elements(":selected").map(partId));
    });
  }

  /** Light the places and the path of a finding, grey the rest; null shows all again. */
  light(finding) {
    this.whenReady(() => {
      const { cy } = this;
      cy.elements().removeClass("lit dim");
      if (!finding) return;
      const ids = new Set([...(finding.places ?? []), ...(finding.path ?? [])]);
      const lit = cy.elements().filter((item) => ids.has(item.data("ref")));
      if (lit.empty()) return;
      cy.elements().not(lit).not(lit.ancestors()).addClass("dim");
      lit.addClass("lit");
      const view = cy.extent();
      const box = lit.boundingBox();
      const seen = box.x1 >= view.x1 && box.x2 <= view.x2 && box.y1 >= view.y1 && box.y2 <= view.y2;
      if (!seen) this.fit();
    });
  }

  // -- the view ------------------------------------------------------------------------------------

  fit() {
    const { cy } = this;
    if (!cy || cy.elements().empty()) return cy?.viewport({ zoom: 1, pan: { x: 0, y: 0 } });
    cy.fit(undefined, 14);
    if (cy.zoom() > MOST_ZOOM) {
      cy.zoom(MOST_ZOOM);
      cy.center();
    }
  }

  zoom(factor, at) {
    const { cy } = this;
    if (!cy) return;
    this.moved = true;
    cy.zoom({ level: cy.zoom() * factor, renderedPosition: at ?? { x: cy.width() / 2, y: cy.height() / 2 } });
  }

  #wheel() {
    this.box.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return; // the page scrolls
      event.preventDefault();
      const at = this.offset(event);
      this.zoom(Math.exp(-event.deltaY * 0.004), at);
    }, { passive: false });
  }

  /** Bring an item into view when it is outside. */
  reveal(part, id) {
    const item = this.cy?.getElementById(cyId(part, id));
    if (!item || item.empty()) return;
    const box = item.renderedBoundingBox();
    const out = box.x2 < 20 || box.y2 < 20 || box.x1 > this.cy.width() - 20 || box.y1 > this.cy.height() - 20;
    if (out) this.cy.center(item);
  }

  // -- places --------------------------------------------------------------------------------------

  /** Where the pointer is, in px from the corner of the canvas. */
  offset(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  toModel({ x, y }) {
    const { cy } = this;
    const pan = cy.pan();
    return { x: (x - pan.x) / cy.zoom(), y: (y - pan.y) / cy.zoom() };
  }

  /** The deepest boundary at a place of the model; `boxes` as boundaryBoxes() gave them. */
  boundaryAt(at, boxes = this.boundaryBoxes()) {
    const hit = boxes.filter(({ box }) => at.x >= box.x1 && at.x <= box.x2 && at.y >= box.y1 && at.y <= box.y2);
    return hit.length ? hit.reduce((a, b) => (b.depth > a.depth ? b : a)).node : null;
  }

  boundaryBoxes(without = null) {
    const nodes = this.cy.nodes(".boundary").toArray().filter((node) => !without || !without.has(node.id()));
    const plain = { includeLabels: false, includeOverlays: false, includeUnderlays: false, includeOutlines: false };
    return nodes.map((node) => ({ node, depth: node.ancestors().length, box: { ...node.boundingBox(plain) } }));
  }

  /** The element under a place of the model. */
  elementAt(at) {
    const hit = this.cy.nodes(".element").toArray().filter((node) => {
      const [p, w, t] = [node.position(), node.width() / 2 + 4, node.height() / 2 + 4];
      return Math.abs(at.x - p.x) <= w && Math.abs(at.y - p.y) <= t;
    });
    return hit[hit.length - 1] ?? null;
  }

  /** Where the name of a part stands on the screen, if it is drawn. */
  nameSpot({ part, id }) {
    const item = this.cy?.getElementById(cyId(part, id));
    if (!item || item.empty()) return null;
    this.reveal(part, id);
    if (item.isEdge()) return item.renderedMidpoint();
    const box = item.renderedBoundingBox({ includeLabels: false, includeOverlays: false, includeOutlines: false });
    return { x: (box.x1 + box.x2) / 2, y: part === "boundary" ? box.y1 + 16 : (box.y1 + box.y2) / 2 };
  }

  say(text) {
    this.hint.textContent = text;
    this.hint.hidden = !text;
    if (text) this.app.announce(text);
  }
}
