// Where the lettering of a flow stands: on its line, and where it can be read, away from boxes and other lettering.

const SPOTS = [0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8];
const ROOM = 2; // px around lettering

/** Moves the lettering of all flows along their lines; `data.wide` and `data.high` are the size of a label. */
export function letter(cy) {
  const taken = cy.nodes(".element").map((node) => boxAround(node.position(), node.width(), node.height()));
  taken.push(...cy.nodes(".boundary").map(titleBox));
  const edges = cy.edges().toArray().filter((edge) => edge.data("label"));
  const drawn = edges.map((edge) => ({ edge, at: curve(edge) })).filter(({ at }) => at);
  // short lines first: they have the least choice
  drawn.sort((a, b) => length(a.at) - length(b.at) || (a.edge.id() < b.edge.id() ? -1 : 1));
  cy.batch(() => {
    for (const { edge, at } of drawn) {
      const size = [edge.data("wide") + ROOM, edge.data("high") + ROOM];
      let best = null;
      for (const spot of SPOTS) {
        const box = boxAround(at(spot), ...size);
        const bad = taken.reduce((sum, other) => sum + overlap(box, other), 0);
        if (!best || bad < best.bad - 1) best = { bad, spot, box };
        if (!best.bad) break;
      }
      taken.push(best.box);
      const [to, middle] = [at(best.spot), at(0.5)];
      const [x, y] = [Math.round(to.x - middle.x), Math.round(to.y - middle.y)];
      if (edge.data("labelX") !== x || edge.data("labelY") !== y) edge.data({ labelX: x, labelY: y });
    }
  });
}

const boxAround = (at, wide, high) => [at.x - wide / 2, at.y - high / 2, at.x + wide / 2, at.y + high / 2];

function titleBox(node) {
  const box = node.boundingBox({ includeLabels: false, includeOverlays: false, includeOutlines: false });
  const [middle, half] = [(box.x1 + box.x2) / 2, node.data("titleWide") / 2];
  return [middle - half, box.y1, middle + half, box.y1 + 22];
}

function overlap(a, b) {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return wide > 0 && high > 0 ? wide * high : 0;
}

const length = (at) => Math.hypot(at(1).x - at(0).x, at(1).y - at(0).y);

/** The line of a flow as a function from 0 (its start) to 1 (its end). */
function curve(edge) {
  const [a, b] = [edge.sourceEndpoint(), edge.targetEndpoint()];
  if (!a || !b || !Number.isFinite(a.x + b.x)) return null;
  const bends = edge.controlPoints() ?? [];
  if (bends.length > 1) return null; // a flow from an element to itself keeps its place
  const c = bends[0] ?? { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  return (t) => {
    const [p, q, r] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
    return { x: p * a.x + q * c.x + r * b.x, y: p * a.y + q * c.y + r * b.y };
  };
}
