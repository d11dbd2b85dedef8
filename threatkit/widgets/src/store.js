// The state that Python sent, and the edits that go back. Nothing here knows how it looks.
import { clean, spoken } from "./dom.js";

const PATIENCE = 4000; // ms without an answer until people are told
// Every view starts at another number, so that an answer is taken by the view that asked.
let counter = Math.floor(Math.random() * 2 ** 31) * 2 ** 16;

const EMPTY = {
  revision: 0, name: "", elements: [], flows: [], boundaries: [], data: [], positions: {}, findings: [], questions: [],
  more_questions: 0, saved: { status: "memory", path: null, message: "" }, can_undo: false, can_redo: false,
};
const LISTS = { element: "elements", flow: "flows", boundary: "boundaries", data: "data" };

/** Somebody who can be listened to. */
export class Speaker {
  #ears = new Map();
  on(name, ear) {
    this.#ears.set(name, [...(this.#ears.get(name) ?? []), ear]);
  }
  emit(name, ...said) {
    for (const ear of this.#ears.get(name) ?? []) ear(...said);
  }
}

/** Emits `state` (after a new state), `saving` (the line about saving changed) and `failed` (an error text). */
export class Store extends Speaker {
  constructor(model) {
    super();
    this.model = model;
    this.words = readWords(model.get("words") ?? {});
    this.pending = new Map();
    this.changes = { came: [], went: [] };
    this.late = false;
    this.#take(model.get("state"));
    this.hearState = () => this.#newState();
    this.hearWords = () => {
      this.words = readWords(model.get("words") ?? {});
      this.emit("state");
    };
    this.hearMessage = (message) => this.#answer(message);
    model.on("change:state", this.hearState);
    model.on("change:words", this.hearWords);
    model.on("msg:custom", this.hearMessage);
  }

  dispose() {
    this.model.off("change:state", this.hearState);
    this.model.off("change:words", this.hearWords);
    this.model.off("msg:custom", this.hearMessage);
    for (const { timer } of this.pending.values()) clearTimeout(timer);
    this.pending.clear();
  }

  /** Ask Python for an edit; resolves to its answer, {ok, ids, status} or {ok: false, error}. */
  send(edit) {
    const seq = ++counter;
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#lateness(true), PATIENCE);
      this.pending.set(seq, { resolve, timer });
      this.emit("saving");
      try {
        this.model.send({ seq, edit });
      } catch (error) {
        this.#answer({ seq, ok: false, error: `Not sent: ${clean(error?.message, 200)}. Run the cell again.` });
      }
    });
  }

  #answer(message) {
    const asked = this.pending.get(message?.seq);
    if (!asked) return;
    clearTimeout(asked.timer);
    this.pending.delete(message.seq);
    if (!this.pending.size) this.#lateness(false);
    if (message.ok === false) this.emit("failed", String(message.error ?? "That did not work."));
    else this.emit("failed", "");
    asked.resolve(message);
    this.emit("saving");
  }

  #lateness(late) {
    this.late = late;
    this.emit("saving");
  }

  #newState() {
    const before = this.state;
    this.#take(this.model.get("state"));
    if (this.state.revision !== before.revision) this.changes = difference(before.findings, this.state.findings);
    this.emit("state");
    this.emit("saving");
  }

  #take(state) {
    this.state = { ...EMPTY, ...(state ?? {}) };
    const { state: now } = this;
    this.index = Object.fromEntries(
      Object.entries(LISTS).map(([part, list]) => [part, new Map(now[list].map((item) => [item.id, item]))]),
    );
    this.findingsAt = new Map();
    for (const finding of now.findings) {
      for (const place of new Set(finding.places ?? [])) {
        this.findingsAt.set(place, [...(this.findingsAt.get(place) ?? []), finding]);
      }
    }
  }

  // -- reading ---------------------------------------------------------------------------------

  get(part, id) {
    return this.index[part]?.get(id);
  }

  list(part) {
    return this.state[LISTS[part]];
  }

  label(part, id, limit = 60) {
    const item = this.get(part, id);
    return clean(item?.name, limit) || clean(id, limit);
  }

  shape(element) {
    return this.words.shapes.get(element.kind) ?? "process";
  }

  /** The part that an id of a finding or a question means. */
  partOf(place) {
    return ["element", "flow", "boundary", "data"].find((part) => this.index[part].has(place));
  }

  /** How the flow is told where it has no name: "Customer → Assistant". */
  flowLabel(id, limit = 60) {
    const flow = this.get("flow", id);
    if (!flow) return clean(id, limit);
    const ends = `${this.label("element", flow.from, 30)} → ${this.label("element", flow.to, 30)}`;
    const name = clean(flow.name, limit);
    return name ? `${name} (${ends})` : ends;
  }

  placeLabel(place) {
    const part = this.partOf(place);
    return part === "flow" ? this.flowLabel(place) : part ? this.label(part, place) : clean(place);
  }

  /** Boundaries from the outside in, each with its depth. */
  boundaryTree() {
    const inside = new Map();
    for (const b of this.state.boundaries) {
      const outer = this.index.boundary.has(b.inside) ? b.inside : null;
      inside.set(outer, [...(inside.get(outer) ?? []), b]);
    }
    const walk = (outer, depth) =>
      (inside.get(outer) ?? []).flatMap((b) => [{ boundary: b, depth }, ...walk(b.id, depth + 1)]);
    return walk(null, 0);
  }

  /** The boundaries around a boundary, itself first. */
  chain(id) {
    const found = [];
    for (let at = id; at && !found.includes(at); at = this.get("boundary", at)?.inside) found.push(at);
    return found;
  }

  /** What the line about saving says: {kind, text}. `saved` only when Python has confirmed every edit. */
  saving() {
    const { saved } = this.state;
    const file = saved.path ? clean(String(saved.path).split(/[\\/]/).pop(), 40) : "";
    if (this.late) return { kind: "late", text: "No answer from Python yet: is the kernel busy or stopped? Not saved." };
    if (this.pending.size) return { kind: "saving", text: "Saving…" };
    const said = clean(saved.message, 300);
    if (saved.status === "saved") {
      const more = said.startsWith(`Saved in ${file}. `) ? said.slice(`Saved in ${file}`.length) : "";
      return { kind: "saved", text: `Saved to ${file}${more}` };
    }
    if (saved.status === "memory") return { kind: "memory", text: said || "In memory only: no file was given" };
    if (saved.status === "conflict") return { kind: "conflict", text: `Not saved: there is another version of ${file || "the file"}` };
    return { kind: "error", text: said || "Not saved" };
  }
}

function difference(before, after) {
  const [old, now] = [before, after].map((findings) => new Set(findings.map((f) => f.id)));
  return { came: after.filter((f) => !old.has(f.id)), went: before.filter((f) => !now.has(f.id)) };
}

const word = (entry) => (typeof entry === "string" ? { id: entry } : entry);

function readWords(words) {
  const read = Object.fromEntries(Object.entries(words).map(([name, list]) => [name, (list ?? []).map(word)]));
  const known = { kinds: [], trust: [], properties: [], controls: [], data_classes: [], classifications: [] };
  const whole = { ...known, flow_kinds: [], content: [], protocols: [], ...read };
  if (!whole.classifications.length) whole.classifications = ["public", "internal", "confidential"].map(word);
  whole.shapes = new Map(whole.kinds.map((kind) => [kind.id, kind.shape]));
  whole.says = (list, id) => whole[list].find((entry) => entry.id === id)?.says ?? "";
  return whole;
}

/** «kind» as people read it. */
export const kindWord = (kind) => `«${spoken(kind)}»`;
