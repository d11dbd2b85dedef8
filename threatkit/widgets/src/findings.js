// Findings and open questions beside the drawing, and what the last edit did to them.
import { clean, count, h, rebuild } from "./dom.js";
import { tabs } from "./tabs.js";

const MOST_SHOWN = 200;
const SIGNS = { critical: "⬣", high: "◆", medium: "▲", low: "●" };

export class Findings {
  constructor(app) {
    this.app = app;
    this.list = h("div", { class: "tk-pane", "data-scroll": "findings" });
    this.questions = h("div", { class: "tk-pane", "data-scroll": "questions" });
    this.tabs = tabs(app, "Threats", [["findings", "Findings", this.list], ["questions", "Questions", this.questions]]);
    this.box = this.tabs.box;
    this.news = h("p", { class: "tk-news", role: "status", "aria-live": "polite" });
    this.chosen = null;
  }

  /** After a new state: lists, light, and the announcement of what came and went. */
  update() {
    const { app } = this;
    const { state, changes } = app.store;
    this.tabs.name("findings", `Findings (${state.findings.length + (state.more_findings || 0)})`);
    this.tabs.name("questions", `Questions (${state.questions.length + (state.more_questions || 0)})`);
    const seen = JSON.stringify([state.findings, state.more_findings, state.trouble, changes, this.chosen, state.elements.map((e) => e.name)]);
    if (seen !== this.seen) {
      this.seen = seen;
      rebuild(this.list, this.#findings());
    }
    const asked = JSON.stringify([state.questions, state.more_questions]);
    if (asked !== this.asked) {
      this.asked = asked;
      rebuild(this.questions, this.#questions());
    }
    this.#tell(changes);
    const still = state.findings.find((finding) => finding.id === this.chosen);
    if (this.chosen && !still) this.chosen = null;
    app.canvas.light(still ?? null);
  }

  #tell({ came, went }) {
    const one = (list, verb) => {
      if (!list.length) return "";
      const more = list.length > 1 ? ` and ${list.length - 1} more` : "";
      return `${count(list.length, "finding")} ${verb}: ${clean(list[0].title, 90)}${more}`;
    };
    const said = [one(came, "came"), one(went, "went")].filter(Boolean).join(". ");
    if (this.news.textContent !== said) this.news.textContent = said;
    this.news.dataset.empty = said ? "no" : "yes";
  }

  #findings() {
    const { state, changes } = this.app.store;
    const came = new Set(changes.came.map((finding) => finding.id));
    const went = changes.went.map((finding) => h("li", { class: "tk-finding tk-went" }, h("s", {}, clean(finding.title, 160)), h("span", { class: "tk-mark" }, "went")));
    const rows = state.findings.slice(0, MOST_SHOWN).map((finding) => this.#finding(finding, came.has(finding.id)));
    const rest = state.findings.length - rows.length + (state.more_findings || 0);
    return [
      went.length ? h("ul", { class: "tk-plain", "aria-label": "Gone with the last edit" }, went) : null,
      h("ul", { class: "tk-plain", "aria-label": "Findings, highest risk first" }, rows),
      state.trouble ? h("p", { class: "tk-explanation" }, clean(state.trouble, 400)) : null,
      rows.length || state.trouble ? null : h("p", { class: "tk-soft" }, "No findings. Where something is unknown, the questions say what to find out."),
      rest > 0 ? h("p", { class: "tk-soft" }, `and ${rest} more`) : null,
    ];
  }

  #finding(finding, isNew) {
    const { app } = this;
    const chosen = this.chosen === finding.id;
    const level = ["critical", "high", "medium", "low"].includes(finding.level) ? finding.level : "low";
    const places = (finding.places ?? []).slice(0, 4).map((place) => app.store.placeLabel(place)).join(", ");
    const head = h("button", {
      type: "button", class: "tk-finding-head", "data-key": `finding/${finding.id}`, "aria-expanded": String(chosen), click: () => this.choose(chosen ? null : finding.id),
    },
    h("span", { class: `tk-level tk-${level}`, "aria-hidden": "true" }, SIGNS[level]),
    h("span", { class: "tk-title" }, clean(finding.title, 160), isNew ? h("span", { class: "tk-mark tk-new" }, "new") : null),
    h("span", { class: "tk-places" }, `${finding.score ?? ""} ${level} ${clean(finding.letters, 8)} `, h("span", { class: "tk-soft" }, `at ${places}`)));
    return h("li", { class: `tk-finding${isNew ? " tk-came" : ""}${chosen ? " tk-chosen" : ""}` }, head,
      chosen ? h("p", { class: "tk-explanation" }, clean(finding.explanation, 1200)) : null);
  }

  /** Light a finding on the drawing and open its explanation; null shuts it. */
  choose(id) {
    if (id === this.chosen) return;
    this.chosen = id;
    this.update();
  }

  #questions() {
    const { app } = this;
    const { questions, more_questions: more } = app.store.state;
    return [
      questions.length ? null : h("p", { class: "tk-soft" }, "No open questions."),
      h("ul", { class: "tk-plain" }, questions.map((question) => h("li", {}, h("button", {
        type: "button", class: "tk-question", "data-key": `question/${question.place}/${question.fact}`, click: () => this.#goTo(question.place),
        title: `Asked by ${count(question.rules ?? 1, "rule")}. Click to go there.`,
      }, clean(question.text, 300))))),
      more ? h("p", { class: "tk-soft" }, `and ${more} more`) : null,
    ];
  }

  #goTo(place) {
    const { app } = this;
    const part = app.store.partOf(place);
    if (!part || part === "data") return;
    app.select([{ part, id: place }]);
    app.canvas.reveal(part, place);
    app.announce(`Selected ${app.actions.describe({ part, id: place })}`);
  }
}
