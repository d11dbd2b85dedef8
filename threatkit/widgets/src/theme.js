// Colours: those of the kit's figures (Okabe and Ito), and a dark set. None is ever the only sign of anything.

const LIGHT = {
  dark: false, ground: "#FFFFFF", ink: "#000000", soft: "#5A5A5A", crossing: "#D55E00", chosen: "#0072B2",
  fills: { external: "#FFFFFF", process: "#DDEFFA", store: "#FCF3CF" }, tint: 0.08, target: "#0072B2",
  trust: { untrusted: "#D55E00", vendor: "#CC79A7", semi_trusted: "#0072B2", trusted: "#009E73", unknown: "#555555" },
  levels: { critical: ["#8B1A00", "#FFFFFF"], high: ["#D55E00", "#000000"], medium: ["#F0E442", "#000000"], low: ["#FFFFFF", "#000000"] },
};
const DARK = {
  dark: true, ground: "#15181C", ink: "#F2F2F2", soft: "#B4BAC2", crossing: "#FF9A4D", chosen: "#6CC5FF",
  fills: { external: "#2A2E34", process: "#17405A", store: "#4A4219" }, tint: 0.13, target: "#6CC5FF",
  trust: { untrusted: "#FF9A4D", vendor: "#E8A6CB", semi_trusted: "#6CB8EE", trusted: "#3FD0A4", unknown: "#B0B0B0" },
  levels: LIGHT.levels,
};
const DASHES = { untrusted: [3, 4], vendor: [9, 3, 2, 3], semi_trusted: [6, 4], trusted: [12, 4], unknown: [3, 6] };

export const palette = (dark) => (dark ? DARK : LIGHT);

/** Whether the page is dark: by JupyterLab's word, else by the colour behind the widget. */
export function isDark(element) {
  const said = document.body.dataset.jpThemeLight;
  if (said !== undefined) return said === "false";
  for (let node = element.parentElement; node; node = node.parentElement) {
    const [r, g, b, a = 1] = (getComputedStyle(node).backgroundColor.match(/[\d.]+/g) ?? []).map(Number);
    if (a > 0.5 && r !== undefined) return 0.299 * r + 0.587 * g + 0.114 * b < 110;
  }
  return false;
}

/** Call back when the theme of the page changes; returns how to stop. */
export function watchTheme(callback) {
  const watching = new MutationObserver(callback);
  const filter = ["data-jp-theme-light", "data-jp-theme-name", "class", "data-theme"];
  watching.observe(document.body, { attributes: true, attributeFilter: filter });
  watching.observe(document.documentElement, { attributes: true, attributeFilter: filter });
  return () => watching.disconnect();
}

/** The look of the diagram, as Cytoscape wants it. */
export function stylesheet(colors, font) {
  const text = { "font-family": font, color: colors.ink, "text-wrap": "wrap" };
  const boundaries = Object.keys(colors.trust).map((trust) => ({
    selector: `node.boundary[trust = "${trust}"]`,
    style: {
      "background-color": colors.trust[trust], "border-color": colors.trust[trust],
      "border-dash-pattern": DASHES[trust],
    },
  }));
  const shapes = Object.entries(colors.fills).map(([shape, fill]) => ({
    selector: `node.${shape}`, style: { "background-color": fill },
  }));
  return [
    { selector: "core", style: { "active-bg-opacity": 0, "selection-box-color": colors.chosen, "selection-box-opacity": 0.15 } },
    {
      selector: "node.element",
      style: {
        ...text, label: "data(label)", "font-size": 13.5, "line-height": 1.2, "text-valign": "center", "text-halign": "center",
        width: "data(wide)", height: "data(high)", shape: "rectangle", "border-width": 2, "border-color": colors.ink,
        "background-image": "data(images)", "background-clip": "none none", "background-image-containment": "over over",
        "background-fit": "none none", "background-width": "data(imageWide)", "background-height": "data(imageHigh)",
        "background-position-x": "data(imageX)", "background-position-y": "data(imageY)",
        // room for the badge, and for the title of the boundary above
        "bounds-expansion": "13 10 4 10", "border-position": "inside", "overlay-opacity": 0,
      },
    },
    { selector: "node.process", style: { shape: "round-rectangle", "corner-radius": 14 } },
    { selector: "node.store", style: { "border-width": 0 } },
    ...shapes,
    {
      selector: "node.boundary",
      style: {
        ...text, label: "data(label)", "font-size": 13, "text-valign": "top", "text-halign": "center", "text-margin-y": 19,
        shape: "round-rectangle", "corner-radius": 8, "background-opacity": colors.tint, "border-width": 2.5,
        "border-style": "dashed", "overlay-opacity": 0, padding: 0,
      },
    },
    { selector: "node.boundary:childless", style: { width: "data(wide)", height: 120, "text-max-width": "data(wide)" } },
    { selector: "node.boundary:parent", style: { padding: 19, "min-width": "data(inner)", "compound-sizing-wrt-labels": "exclude" } },
    ...boundaries,
    {
      selector: "edge",
      style: {
        ...text, label: "data(label)", "font-size": 12.5, "min-zoomed-font-size": 4.5, "line-height": 1.15, "text-background-color": colors.ground,
        "text-background-opacity": 0.88, "text-background-padding": 2, "text-background-shape": "rectangle",
        "curve-style": "bezier", "control-point-step-size": 64, width: 1.8, "line-color": colors.ink,
        "target-arrow-color": colors.ink, "target-arrow-shape": "triangle", "arrow-scale": 1.15, "overlay-opacity": 0,
        "text-margin-x": (edge) => edge.data("labelX") ?? 0, "text-margin-y": (edge) => edge.data("labelY") ?? 0,
        "loop-direction": "45deg", "loop-sweep": "60deg", "source-distance-from-node": 1, "target-distance-from-node": 2,
      },
    },
    {
      selector: "edge.crossing",
      style: { width: 2.6, "line-color": colors.crossing, "target-arrow-color": colors.crossing, "source-arrow-color": colors.crossing, "source-arrow-shape": "diamond", "source-arrow-fill": "hollow" },
    },
    { selector: "node.dim, edge.dim", style: { opacity: 0.28 } },
    { selector: "node.boundary.dim", style: { opacity: 0.6 } },
    { selector: "edge.lit", style: { width: 4.5, "z-index": 20 } },
    // rings are inside, so that no boundary grows when something in it is lit
    { selector: "node.lit", style: { "border-width": 5, "border-color": colors.crossing } },
    { selector: "node:selected", style: { "border-width": 5, "border-color": colors.chosen } },
    { selector: "edge:selected", style: { width: 4.5, "line-color": colors.chosen, "target-arrow-color": colors.chosen, "source-arrow-color": colors.chosen, "z-index": 21 } },
    { selector: "node.boundary.target", style: { "border-width": 5, "background-opacity": colors.tint + 0.14, "border-style": "solid" } },
    { selector: "node.end", style: { "border-width": 6, "border-color": colors.target, "border-style": "dashed" } },
  ];
}
