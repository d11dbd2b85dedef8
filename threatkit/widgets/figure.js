// A picture with places on it that can be pointed at. Everything is set as text or as an image: no HTML is read.
function render({ model, el }) {
  const frame = document.createElement("div");
  frame.className = "tk-figure";
  const image = document.createElement("img");
  const layer = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  layer.setAttribute("aria-hidden", "true");
  frame.append(image, layer);
  el.append(frame);
  let url = null;

  function draw() {
    if (url) URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("svg")], { type: "image/svg+xml" }));
    image.src = url;
    image.alt = model.get("alt");
    const [wide, high] = model.get("size");
    image.style.width = `${Math.round((wide * 4) / 3)}px`;
    layer.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    outline();
  }

  function shape(hit) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", hit.box ? "rect" : "polyline");
    if (hit.box) {
      const [x, y, width, height] = hit.box;
      for (const [name, value] of Object.entries({ x: x - 4, y: y - 4, width: width + 8, height: height + 8, rx: 6 }))
        made.setAttribute(name, value);
    } else {
      made.setAttribute("points", hit.line.map((point) => point.join(",")).join(" "));
    }
    return made;
  }

  function outline() {
    const chosen = model.get("hits").filter((hit) => hit.ids.includes(model.get("picked")));
    layer.replaceChildren(...chosen.map(shape));
  }

  function away(hit, x, y) {
    if (hit.box) {
      const [left, top, width, height] = hit.box;
      return Math.hypot(Math.max(left - x, 0, x - left - width), Math.max(top - y, 0, y - top - height));
    }
    let nearest = Infinity;
    for (let i = 1; i < hit.line.length; i++) {
      const [ax, ay] = hit.line[i - 1], [bx, by] = hit.line[i];
      const length = (bx - ax) ** 2 + (by - ay) ** 2 || 1;
      const share = Math.min(1, Math.max(0, ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length));
      nearest = Math.min(nearest, Math.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay)));
    }
    return nearest;
  }

  image.addEventListener("click", (event) => {
    const around = image.getBoundingClientRect();
    const [wide, high] = model.get("size");
    const x = ((event.clientX - around.left) / around.width) * wide;
    const y = ((event.clientY - around.top) / around.height) * high;
    const near = model.get("hits").map((hit) => [away(hit, x, y), hit]).filter(([far]) => far < 8);
    if (!near.length) return;
    const [, hit] = near.reduce((best, next) => (next[0] < best[0] ? next : best));
    // Several flows share a line: each further click takes the next one.
    const at = hit.ids.indexOf(model.get("picked"));
    model.set("picked", hit.ids[(at + 1) % hit.ids.length]);
    model.save_changes();
  });
  // The widget around the picture keeps its keys: else the notebook takes the arrows that choose in a list.
  const keep = (event) => event.target.setAttribute("data-lm-suppress-shortcuts", "true");
  requestAnimationFrame(() => el.closest(".tk-explorer")?.addEventListener("focusin", keep));
  model.on("change:svg", draw);
  model.on("change:picked", outline);
  draw();
  return () => { if (url) URL.revokeObjectURL(url); };
}
export default { render };
