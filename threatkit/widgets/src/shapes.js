// The lettering of boxes and lines, measured; the two lines of a data store and the badge of findings as small pictures.
import { clean } from "./dom.js";
import { kindWord } from "./store.js";

const NAME = 13.5, FLOW = 12.5, LINE = 1.2, WIDEST = 133;
const ORDER = ["critical", "high", "medium", "low"];
const pens = new Map();

function width(text, font, size = NAME) {
  const key = `${size}px ${font}`;
  if (!pens.has(key)) {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = key;
    pens.set(key, pen);
  }
  return pens.get(key).measureText(text).width;
}

/** Text in at most `rows` lines that fit the width; a word that is too long is broken, the rest becomes … */
export function wrap(text, font, wide = WIDEST, rows = 3, size = NAME) {
  const fits = (line) => width(line, font, size) <= wide;
  const lines = [];
  let rest = Array.from(text);
  while (rest.length && lines.length < rows) {
    let take = rest.length;
    if (!fits(rest.join(""))) {
      let [low, high] = [1, rest.length];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if (fits(rest.slice(0, middle).join(""))) low = middle;
        else high = middle - 1;
      }
      take = low;
      const space = rest.lastIndexOf(" ", take);
      if (space > 0) take = space;
    }
    lines.push(rest.slice(0, take).join("").trim());
    rest = Array.from(rest.slice(take).join("").trimStart());
  }
  if (rest.length) {
    let last = Array.from(lines[lines.length - 1]);
    while (last.length && !fits(last.join("") + "…")) last = last.slice(0, -1);
    lines[lines.length - 1] = last.join("").trimEnd() + "…";
  }
  return lines;
}

/** What Cytoscape needs to draw an element. */
export function elementData(element, store, colors, font) {
  const name = clean(element.name, 120) || clean(element.id, 80);
  const lines = [clean(kindWord(element.kind), 40), ...wrap(name, font)];
  const wide = Math.round(Math.max(86, ...lines.map((line) => width(line, font) + 26)));
  const high = Math.round(Math.max(50, lines.length * NAME * LINE + 16));
  const store_ = store.shape(element) === "store";
  const found = store.findingsAt.get(element.id) ?? [];
  const pictures = [];
  if (store_) pictures.push({ image: rails(wide, high, colors), wide, high, x: 0, y: 0 });
  if (found.length) pictures.push(badgeAt(found, wide));
  return {
    label: lines.join("\n"), wide, high, findings: found.length, images: pictures.map((p) => p.image),
    imageWide: pictures.map((p) => p.wide), imageHigh: pictures.map((p) => p.high),
    imageX: pictures.map((p) => p.x), imageY: pictures.map((p) => p.y),
  };
}

export function boundaryData(boundary, store, font) {
  const trust = boundary.trust ?? "unknown";
  const name = clean(boundary.name, 48) || clean(boundary.id, 48);
  const label = `${name} (${boundary.trust ? boundary.trust.replaceAll("_", "-") : "trust unknown"})`;
  const title = width(label, font, 13);
  const wide = Math.max(220, Math.min(420, title + 30));
  return { label, trust, titleWide: Math.round(title), wide: Math.round(wide), inner: Math.round(Math.max(90, wide - 64)) };
}

export function flowData(flow, store, font) {
  const name = clean(flow.name, 80);
  const found = store.findingsAt.get(flow.id) ?? [];
  const worst = found.length ? ` ⚑${found.length}` : "";
  const lines = wrap(name, font, 130, 2, FLOW);
  if (worst) lines.push((lines.pop() ?? "") + worst);
  const wide = Math.max(0, ...lines.map((line) => width(line, font, FLOW))) + 6;
  return { label: lines.join("\n"), wide: Math.round(wide), high: Math.round(lines.length * FLOW * 1.15 + 6), findings: found.length };
}

const picture = (wide, high, inner) =>
  `data:image/svg+xml;utf8,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="0 0 ${wide} ${high}">${inner}</svg>`)}`;

function rails(wide, high, colors) {
  const line = (y) => `<line x1="0" x2="${wide}" y1="${y}" y2="${y}" stroke="${colors.ink}" stroke-width="3"/>`;
  return picture(wide, high, line(1.5) + line(high - 1.5));
}

function badgeAt(found, wide) {
  const size = 26;
  return { image: badge(found), wide: size, high: size, x: wide - size * 0.6, y: -size * 0.45 };
}

export const worstLevel = (found) => ORDER.find((level) => found.some((f) => f.level === level)) ?? "low";

/** The count in the shape and colour of the worst level: octagon, diamond, triangle, circle. */
const badges = new Map();
function badge(found) {
  const level = worstLevel(found);
  const number = found.length > 99 ? "99+" : String(found.length);
  const key = level + number;
  if (!badges.has(key)) {
    const [fill, ink] = LEVEL_COLORS[level];
    const size = number.length > 1 ? (number.length > 2 ? 9 : 11) : 13;
    const text = `<text x="13" y="${level === "medium" ? 20 : 17.5}" font-family="sans-serif" font-weight="bold" font-size="${size}" text-anchor="middle" fill="${ink}">${number}</text>`;
    badges.set(key, picture(26, 26, OUTLINES[level](`fill="${fill}" stroke="#000" stroke-width="1.5"`) + text));
  }
  return badges.get(key);
}

const LEVEL_COLORS = { critical: ["#8B1A00", "#FFFFFF"], high: ["#F28E4C", "#000000"], medium: ["#F0E442", "#000000"], low: ["#FFFFFF", "#000000"] };
const OUTLINES = {
  critical: (look) => `<polygon points="8,1 18,1 25,8 25,18 18,25 8,25 1,18 1,8" ${look}/>`,
  high: (look) => `<polygon points="13,0.5 25.5,13 13,25.5 0.5,13" ${look}/>`,
  medium: (look) => `<polygon points="13,1 25.5,24 0.5,24" ${look}/>`,
  low: (look) => `<circle cx="13" cy="13" r="11.5" ${look}/>`,
};
