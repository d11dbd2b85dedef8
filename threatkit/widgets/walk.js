// What a walk needs in the browser and Python cannot do: keys, focus, names for screen readers, and the clock.
// Nothing is drawn from the model here but plain numbers, and nothing is loaded from anywhere.

const PAUSE = 700; // milliseconds without a key after which a text counts as finished
const TYPED = "input[type=text], input[type=number], textarea";
const KEYS = { n: "next", p: "previous", o: "open", u: "undo" };

function name(root, model) {
  root.setAttribute("role", "region");
  root.setAttribute("aria-label", model.get("label"));
  for (const [part, role] of [["status", "status"], ["error", "alert"], ["heading", "status"]]) {
    for (const el of root.querySelectorAll(`.tk-${part}`)) el.setAttribute("role", role);
  }
  for (const el of root.querySelectorAll(".tk-radio")) {
    const group = el.querySelector(".widget-radio-box") || el;
    group.setAttribute("role", "radiogroup");
    const label = el.querySelector(".widget-label");
    group.setAttribute("aria-label", label ? label.textContent : "");
  }
  for (const el of root.querySelectorAll(".tk-controls")) {
    el.setAttribute("role", "group");
    el.setAttribute("aria-label", "Controls");
  }
  for (const el of root.querySelectorAll(".tk-scroll")) el.tabIndex = 0;
  for (const el of root.querySelectorAll(".widget-hprogress, .tk-bar")) el.setAttribute("aria-hidden", "true");
}

// Radio buttons of one list are one group: one stop for the Tab key, arrows choose. And signs are said in words.
const SIGNS = { "!": "open", "?": "not looked at", "…": "waits for an answer", "✓": "decided", "○": "looked at" };
let groups = 0;

function group(root) {
  for (const box of root.querySelectorAll(".tk-radio .widget-radio-box")) {
    box.dataset.group ||= `tk-group-${++groups}-${Date.now()}`;
    for (const input of box.querySelectorAll("input[type=radio]")) {
      if (input.name) continue;
      input.name = box.dataset.group;
      const text = input.parentElement.textContent.trim();
      const words = SIGNS[text.at(-1)];
      if (words) {
        input.setAttribute("aria-label", `${text}, ${words}`);
        input.parentElement.title = words;
      }
    }
  }
}

// A grid of buttons is one stop for the Tab key; arrows move inside.
function grid(root) {
  for (const table of root.querySelectorAll("table.tk-grid")) {
    const buttons = [...table.querySelectorAll("button[data-go]")];
    if (buttons.length && !buttons.some((each) => each.tabIndex === 0 && each.hasAttribute("data-stop"))) {
      const first = table.querySelector("button[aria-current]") || buttons[0];
      for (const each of buttons) each.tabIndex = -1;
      first.tabIndex = 0;
      first.setAttribute("data-stop", "");
    }
  }
}

function step(event) {
  const moves = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  const from = event.target.closest("table.tk-grid button[data-go]");
  if (!from || !moves[event.key]) return false;
  const [down, right] = moves[event.key];
  const table = from.closest("table");
  const rows = [...table.querySelectorAll("tbody tr")];
  let row = rows.indexOf(from.closest("tr"));
  let column = from.closest("td").cellIndex;
  for (let tries = 0; tries < rows.length + 8; tries++) {
    row += down;
    column += right;
    const cell = rows[row]?.cells[column];
    if (!cell) break;
    const to = cell.querySelector("button[data-go]");
    if (!to) continue;
    from.tabIndex = -1;
    from.removeAttribute("data-stop");
    to.tabIndex = 0;
    to.setAttribute("data-stop", "");
    to.focus();
    break;
  }
  return true;
}

function clock(model, el) {
  const time = document.createElement("span");
  const over = document.createElement("span");
  time.setAttribute("role", "timer");
  time.setAttribute("aria-label", "Time at this place");
  over.setAttribute("role", "status");
  el.className = "tk-clock";
  el.append(time, over);
  let since = model.get("since") * 1000;
  const show = () => {
    const running = model.get("since") > 0;
    const seconds = Math.max(0, Math.floor(model.get("spent") + (running ? (Date.now() - since) / 1000 : 0)));
    const minutes = model.get("minutes");
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} of ${minutes}:00`;
    const said = seconds >= minutes * 60 ? "⏰ Time for this place is over" : "";
    if (time.textContent !== text) time.textContent = text;
    if (over.textContent !== said) over.textContent = said;
    el.classList.toggle("tk-over", said !== "");
  };
  // The browser's own clock counts from the moment at which it was told: it need not agree with the server's.
  model.on("change:since", () => { since = Date.now(); show(); });
  model.on("change:spent change:minutes", show);
  show();
  return setInterval(show, 500);
}

function listen(root, model, signal) {
  let last = null;
  let timer = 0;
  const on = (kind, what, capture = false) => root.addEventListener(kind, what, { signal, capture });
  on("focusin", (event) => {
    event.target.setAttribute("data-lm-suppress-shortcuts", "true"); // the notebook's own keys stay out
    last = { el: event.target, box: event.target.closest(".jupyter-widgets"), row: event.target.closest(".tk-radio") };
  });
  on("input", (event) => {
    clearTimeout(timer);
    const el = event.target;
    if (el.matches(TYPED)) timer = setTimeout(() => el.dispatchEvent(new Event("change", { bubbles: true })), PAUSE);
  });
  on("click", (event) => {
    const to = event.target.closest("button[data-go]");
    if (to) model.send({ go: [to.dataset.go, to.dataset.letter || ""], finding: to.dataset.finding || "" });
  });
  on("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
      if (event.target.matches(TYPED)) event.target.dispatchEvent(new Event("change", { bubbles: true }));
      setTimeout(() => model.send({ key: "save" }), 100); // after the text, which another message brings
    } else if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    } else if (step(event)) {
      // moved inside a grid
    } else if (KEYS[event.key] && !event.target.matches("input:not([type=radio]):not([type=checkbox]), textarea, select")) {
      model.send({ key: KEYS[event.key] });
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }, true); // before ipywidgets' own fields, which let no key out
  // Where an answer of Python replaced the radio button that had the focus, its successor gets it.
  const observer = new MutationObserver(() => {
    grid(root);
    group(root);
    if (!last || last.el.isConnected || document.activeElement !== document.body) return;
    const heir = last.row?.isConnected ? last.row.querySelector("input:checked") || last.row.querySelector("input") : null;
    (heir || root.querySelector(".tk-heading [tabindex]"))?.focus({ preventScroll: true });
  });
  observer.observe(root, { childList: true, subtree: true });
  signal.addEventListener("abort", () => observer.disconnect());
}

function render({ model, el }) {
  const ticking = clock(model, el);
  const gone = new AbortController();
  let tries = 0;
  const attach = () => {
    const root = el.closest(".tk-walk");
    if (!root && tries++ < 600) return void (gone.signal.aborted || requestAnimationFrame(attach));
    if (!root) return;
    name(root, model);
    grid(root);
    group(root);
    listen(root, model, gone.signal);
    for (const wait of [100, 500, 2000]) setTimeout(() => gone.signal.aborted || name(root, model), wait);
    root.setAttribute("data-ready", "");
    model.on("msg:custom", (said) => {
      if (said.focus) setTimeout(() => root.querySelector(said.focus)?.focus({ preventScroll: true }), 60);
    });
  };
  requestAnimationFrame(attach);
  return () => {
    clearInterval(ticking);
    gone.abort();
  };
}

export default { render };
