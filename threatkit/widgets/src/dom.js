// Making HTML from plain values. Texts of a model only ever become text nodes and attribute values.

const AS_PROPERTY = new Set(["value", "checked", "selected", "disabled", "readOnly", "hidden", "tabIndex"]);
// control characters, bidi marks, zero-width characters and the other invisible ones, and halves of pairs
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}]/gu;

export function h(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function dressed(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else if (AS_PROPERTY.has(name)) node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** A text of a model as one line without invisible characters, cut with … */
export function clean(text, limit = 60) {
  const line = String(text ?? "").slice(0, limit * 4).replace(/\s+/gu, " ").replace(UNSEEN, "").trim();
  const chars = Array.from(line);
  return chars.length > limit ? chars.slice(0, limit - 1).join("") + "…" : line;
}

/** A text as people may edit it: what turns or hides letters is left out, lines only where they are wanted. */
export function editable(text, long) {
  const seen = String(text ?? "").replace(/[\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF]/g, "");
  return long ? seen.replace(/[^\P{Cc}\n\t]/gu, "") : seen.replace(/\s+/g, " ").replace(/\p{Cc}/gu, "");
}

/** "semi_trusted" as people read it. */
export const spoken = (word) => String(word ?? "").replaceAll("_", " ");

export const count = (number, one, many = one + "s") => `${number} ${number === 1 ? one : many}`;

let nextId = 0;
/** An id for labels and descriptions that no other view on the page has. */
export const freshId = (word) => `tk-${word}-${++nextId}`;

let depth = 0;
/** Whether a part of the page is being replaced just now: what a field says then is no wish of a person. */
export const isRebuilding = () => depth > 0;

/** Replace the content of a box; the focus, what is being typed, and scroll positions stay. */
export function rebuild(box, ...children) {
  const active = box.getRootNode().activeElement ?? null;
  const kept = active && active !== box && box.contains(active) && active.dataset.key ? remember(active) : null;
  const scrolled = [box, ...box.querySelectorAll("[data-scroll]")].map((node) => [node.dataset.scroll, node.scrollTop]);
  depth += 1;
  try {
    box.replaceChildren(...children.flat(3).filter(Boolean));
  } finally {
    depth -= 1;
  }
  for (const [key, top] of scrolled) {
    const node = key === box.dataset.scroll ? box : find(box, "scroll", key);
    if (node && top) node.scrollTop = top;
  }
  if (kept) restore(box, kept);
}

const find = (box, name, value) => [...box.querySelectorAll(`[data-${name}]`)].find((n) => n.dataset[name] === value);

function remember(field) {
  const typed = field.dataset.typed === "yes";
  let range = null;
  try {
    range = [field.selectionStart, field.selectionEnd];
  } catch {
    // a select or a button has no caret
  }
  return { key: field.dataset.key, typed, value: field.value, range };
}

function restore(box, kept) {
  const field = find(box, "key", kept.key);
  if (!field) return;
  if (kept.typed) {
    field.value = kept.value;
    field.dataset.typed = "yes";
  }
  field.focus({ preventScroll: true });
  if (kept.range && kept.range[0] !== null && kept.range[0] !== undefined && field.setSelectionRange) {
    field.setSelectionRange(...kept.range);
  }
}
