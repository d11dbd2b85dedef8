"""The editor's browser side on a bare page, with the real `Editing` behind it: many small things, in seconds."""

from __future__ import annotations

import json

import pytest

import threatkit
from threatkit.widgets import editor
from threatkit.widgets.canvas_state import vocabulary_words
from threatkit.widgets.editing import Editing

ADDRESS = "http://editor.test/"
PAGE = """<!doctype html><html lang="en"><title>Editor</title>
<body style="margin: 0; background: %(ground)s" data-jp-theme-light="%(light)s">
<div id="view0"></div><div id="view1"></div>
<script type="module">
import widget from "/editor.js";
const ears = {}, values = { words: %(words)s, state: %(state)s };
const tell = (name, ...said) => { for (const ear of [...(ears[name] ?? [])]) ear(...said); };
window.ears = ears;
window.take = state => {
    if (state.revision === values.state.revision) return;
    values.state = state;
    tell("change:state");
};
const model = {
    get: name => values[name],
    on: (name, ear) => (ears[name] ??= []).push(ear),
    off: (name, ear) => { ears[name] = ears[name].filter(other => other !== ear); },
    send: async message => {
        const { reply, state } = JSON.parse(await window.python(JSON.stringify(message)));
        await window.held;
        window.take(state);
        tell("msg:custom", reply);
    },
};
window.ends = [...Array(%(views)d).keys()].map(at =>
    widget.render({ model, el: document.getElementById(`view${at}`) }));
</script>"""


class Desk:
    """The page and the pointer in front of it, and the Editing behind it."""

    def __init__(self, browser, editing, dark=False, views=1):
        self.editing, self.complaints = editing, []
        self.context = browser.new_context(viewport={"width": 1280, "height": 720})
        self.context.set_default_timeout(5000)
        self.page = self.context.new_page()
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda said: said.type == "error" and self.complaints.append(said.text))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.expose_function("python", self._answer)
        look = {"ground": "#111" if dark else "#fff", "light": "false" if dark else "true", "views": views}
        html = PAGE % {**look, "words": _literal(vocabulary_words()), "state": _literal(editing.state())}
        program = editor.bundle()[0]
        self.page.route(
            f"{ADDRESS}**",
            lambda route: (
                route.fulfill(body=program, content_type="text/javascript; charset=utf-8")
                if route.request.url.endswith(".js")
                else route.fulfill(body=html, content_type="text/html; charset=utf-8")
            ),
        )
        self.page.goto(ADDRESS)
        self.page.wait_for_function("() => document.querySelector('.tk-editor')?._editor.canvas.cy")
        self.root = self.page.locator(".tk-editor").first
        self.keys, self.mouse = self.page.keyboard, self.page.mouse

    def _answer(self, text):
        return json.dumps({"reply": self.editing.handle(json.loads(text)), "state": self.editing.state()})

    def look(self, script, given=None):
        return self.page.evaluate(
            "([script, given]) => (0, eval)(script)(document.querySelector('.tk-editor')._editor, given)",
            [script, given],
        )

    def settled(self):
        """Wait until nothing is on its way, then until the next picture."""
        self.page.wait_for_function("() => !document.querySelector('.tk-editor')._editor.store.pending.size")
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def push(self):
        self.page.evaluate("state => window.take(state)", self.editing.state())

    def spot(self, part, id):
        """Where a part stands on the screen: the middle of an element, the title of a boundary."""
        return self.look(
            """(editor, [part, id]) => {
                const item = editor.canvas.cy.getElementById(`${part}:${id}`);
                const corner = editor.canvas.stage.getBoundingClientRect();
                const at = item.isEdge() ? item.renderedMidpoint() : item.renderedPosition();
                const box = item.renderedBoundingBox({ includeLabels: false });
                return [corner.left + at.x, corner.top + (part === 'boundary' ? box.y1 + 14 : at.y)];
            }""",
            [part, id],
        )

    def free_spot(self):
        box = self.root.locator(".tk-canvas").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] - 8

    def drag(self, start, end):
        self.mouse.move(*start)
        self.mouse.down()
        self.mouse.move(*end, steps=8)
        self.mouse.up()
        self.settled()

    def press(self, name):
        self.root.get_by_role("button", name=name, exact=True).click()
        self.settled()

    def choose(self, label, value):
        self.root.get_by_label(label, exact=True).select_option(value)
        self.settled()

    def write(self, label, text):
        field = self.root.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
        self.settled()


def _literal(value):
    return json.dumps(value).replace("<", "\\u003c")


def system():
    made = threatkit.System("Shop")
    made.boundary("net", name="Internet", trust="untrusted")
    made.boundary("cloud", name="Cloud", trust="trusted")
    made.boundary("inner", name="Inner", trust="trusted", inside="cloud")
    made.element("user", "user", name="Customer", boundary="net")
    made.element("web", "process", name="Web", boundary="cloud")
    made.element("bot", "agent", name="Bot", boundary="inner")
    made.element("db", "datastore", name="Orders", boundary="inner", holds=["pii"])
    made.flow("ask", "user", "web", name="question", content="untrusted", carries=["pii"], encrypted=False)
    made.flow("turn", "web", "bot", name="turn", content="untrusted")
    made.flow("read", "db", "bot", name="orders", carries=["pii"])
    made.flow("reply", "bot", "web", name="reply", content="model_generated")
    return made


@pytest.fixture
def desk(browser, tmp_path):
    desks = []

    def opened(what=None, **more):
        path = tmp_path / "model.yaml"
        threatkit.save(system() if what is None else what, path)
        desks.append(Desk(browser, Editing(threatkit.load(path)), **more))
        desks[-1].path = path
        return desks[-1]

    yield opened
    for one in desks:
        assert one.complaints == []
        one.context.close()


def test_letters_that_turn_the_text_round_are_not_shown_and_not_lost(desk):
    made = threatkit.System("A")
    name = "abc\u202edef"
    made.element("a", "agent", name=name)
    it = desk(made)
    it.mouse.click(*it.spot("element", "a"))
    field = it.root.locator('[data-role="name"]')
    assert field.input_value() == "abcdef"
    field.click()
    it.keys.type("x")
    it.keys.press("Backspace")
    it.keys.press("Tab")
    it.settled()
    assert it.editing.system["a"].name == name and not it.editing.state()["can_undo"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_nothing_in_any_state_of_the_editor_shuts_people_out(desk, axe, dark):
    it = desk(dark=dark)
    assert axe(it.page, ".tk-editor") == []
    it.root.locator(".tk-finding-head").first.click()
    it.mouse.click(*it.spot("element", "bot"))
    closed = it.root.locator(".tk-section:not([open]) > summary")
    while closed.count():
        closed.first.click()
    assert axe(it.page, ".tk-editor") == [], "an element and a finding"
    it.mouse.click(*it.spot("flow", "ask"))
    it.root.get_by_role("tab", name="Questions").click()
    assert axe(it.page, ".tk-editor") == [], "a flow and the questions"
    it.editing.do({"do": "rename", "part": "element", "id": "web", "to": "front"})
    it.push()
    it.root.get_by_role("tab", name="Data").click()
    it.press("Table")
    assert axe(it.page, ".tk-editor") == [], "the tables and the data"
    it.press("Keys")
    assert axe(it.page, ".tk-editor") == [], "the help"


def test_the_tables_can_do_all_that_the_canvas_can(desk):
    it = desk(threatkit.System("Empty"))
    it.press("Table")
    it.choose("Trust of the new boundary", "trusted")
    it.write("Name of a new boundary", "Cloud")
    for name, kind in (("Web", "process"), ("Bot", "agent")):
        it.choose("Kind of the new element", kind)
        it.choose("Boundary of the new element", "Cloud")
        it.write("Name of a new element", name)
    it.choose("Start of the new flow", "Web")
    it.choose("End of the new flow", "Bot")
    it.root.get_by_label("Name of a new flow (may stay empty)").fill("turn")
    it.press("Add this flow")
    made = it.editing.system
    assert {e.label: (e.kind, made.boundaries[e.boundary].trust) for e in made.elements.values()} == {
        "Web": ("process", "trusted"),
        "Bot": ("agent", "trusted"),
    }
    [flow] = made.flows.values()
    assert (made[flow.source].label, made[flow.target].label, flow.label) == ("Web", "Bot", "turn")
    [web, bot] = made.elements
    it.write(f"Name of element {web}", "Front")
    it.choose("Kind of Bot", "llm")
    it.choose("Boundary of Bot", "")
    it.press("Details of Bot")
    it.root.locator("summary", has_text="Controls").click()
    it.root.get_by_label("Search in: Controls").fill("rate limit")
    it.choose("rate limit is", "present")
    it.root.get_by_role("button", name="Delete turn").click()
    it.settled()
    bot, made = it.editing.system[bot], it.editing.system
    assert (made[web].label, bot.kind, bot.boundary, bot.controls) == ("Front", "llm", None, ("rate_limit",))
    assert not made.flows
    assert threatkit.load(it.path) == made
    it.press("Undo")
    assert len(made.flows) == 1


def test_what_is_dragged_into_or_out_of_a_box_lies_there_in_one_step(desk):
    it = desk()
    parts = it.editing.system
    it.drag(it.spot("element", "web"), it.free_spot())
    assert parts["web"].boundary is None
    x, y = it.spot("boundary", "net")
    it.drag(it.spot("boundary", "inner"), (x, y + 10))
    assert parts.boundaries["inner"].inside == "net" and parts["bot"].boundary == "inner"
    it.press("Undo")
    assert parts.boundaries["inner"].inside == "cloud" and parts["web"].boundary is None
    it.press("Undo")
    assert parts["web"].boundary == "cloud"
    assert not it.editing.state()["can_undo"]
    threatkit.load(it.path)


def test_several_that_are_dragged_together_are_one_step(desk):
    it = desk()
    it.mouse.click(*it.spot("element", "bot"))
    it.keys.down("Shift")
    it.mouse.click(*it.spot("element", "db"))
    it.keys.up("Shift")
    it.drag(it.spot("element", "db"), it.free_spot())
    parts = it.editing.system
    assert (parts["bot"].boundary, parts["db"].boundary) == (None, None)
    it.page.keyboard.press("Control+z")
    it.settled()
    assert (parts["bot"].boundary, parts["db"].boundary) == ("inner", "inner")
    it.keys.press("Delete")
    it.settled()
    assert "bot" not in parts and "db" not in parts and "web" in parts
    assert it.look("editor => editor.canvas.cy.edges().length") == 1


def test_a_flow_is_drawn_from_the_handle_of_an_element(desk):
    it = desk()
    it.mouse.move(*it.spot("element", "user"))
    handle = it.root.locator(".tk-handle")
    handle.wait_for()
    box = handle.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    it.drag(middle, it.spot("element", "db"))
    it.root.locator(".tk-naming").wait_for()
    it.keys.type("order")
    it.keys.press("Enter")
    it.settled()
    assert [(f.source, f.target) for f in it.editing.system.flows.values() if f.label == "order"] == [("user", "db")]


def test_a_new_state_takes_nothing_from_who_is_typing(desk):
    it = desk()
    it.mouse.click(*it.spot("element", "bot"))
    it.press("Zoom in")
    view = it.look("editor => [editor.canvas.cy.zoom(), editor.canvas.cy.pan()]")
    field = it.root.locator('[data-role="name"]')
    field.click()
    it.keys.press("End")
    it.keys.type(" of the sh")
    it.editing.system.element("log", "log_store")
    it.push()
    it.settled()
    it.editing.system.replace("bot", properties=["send_message"])
    it.push()
    it.settled()
    it.keys.type("op")
    assert field.input_value() == "Bot of the shop"
    assert it.editing.system["bot"].name == "Bot"  # not sent at each key
    assert it.look("editor => editor.selection") == [{"part": "element", "id": "bot"}]
    assert it.look("editor => [editor.canvas.cy.zoom(), editor.canvas.cy.pan()]") == view
    it.keys.press("Tab")
    it.settled()
    assert it.editing.system["bot"].name == "Bot of the shop"
    assert it.look("editor => editor.canvas.cy.getElementById('element:bot').data('label')").endswith("shop")


def test_two_views_of_one_widget_show_the_same_and_end_apart(desk):
    it = desk(views=2)
    it.page.mouse.wheel(0, 0)
    second = it.page.locator(".tk-editor").nth(1)
    second.scroll_into_view_if_needed()
    second.get_by_role("button", name="Table", exact=True).click()
    second.get_by_label("Name of element bot").fill("Helper")
    second.get_by_label("Name of element bot").press("Enter")
    it.settled()
    first = it.look("editor => editor.canvas.cy.getElementById('element:bot').data('label')")
    assert first.endswith("Helper")
    assert it.look("editor => editor.view") == "canvas"
    assert it.page.evaluate("() => { window.ends[1](); return document.querySelectorAll('.tk-editor').length }") == 1
    it.look("editor => editor.canvas.box.focus()")
    it.keys.press("Control+z")
    it.settled()
    assert it.editing.system["bot"].name == "Bot"
    it.page.evaluate("() => window.ends[0]()")
    assert it.page.evaluate("() => Object.values(window.ears).flat().length") == 0


def test_saved_is_said_only_when_python_has_confirmed(desk):
    it = desk()
    said = it.root.locator(".tk-saving")
    assert said.inner_text() == "✓ Saved to model.yaml"
    it.page.evaluate("() => { window.held = new Promise(done => (window.release = done)) }")
    it.look("editor => editor.canvas.box.focus()")
    it.keys.press("ArrowRight")
    it.keys.press("F2")
    it.keys.type("New name")
    it.keys.press("Enter")
    it.page.wait_for_function("() => document.querySelector('.tk-saving').innerText.includes('Saving')")
    it.page.evaluate("() => window.release()")
    it.settled()
    assert said.inner_text() == "✓ Saved to model.yaml"


def test_a_refused_edit_is_told_and_changes_nothing_on_the_screen(desk):
    it = desk()
    it.mouse.click(*it.spot("element", "bot"))
    it.root.locator("summary", has_text="Id and description").click()
    it.write("Id", "web")
    alert = it.root.get_by_role("alert")
    assert "web" in alert.inner_text()
    assert it.root.get_by_label("Id", exact=True).input_value() == "bot"
    it.write("Id", "helper")
    assert alert.text_content() == ""
    assert it.look("editor => editor.selection") == [{"part": "element", "id": "helper"}]


def test_a_conflict_can_wait_and_mine_can_be_kept(desk):
    it = desk()
    it.path.write_text(it.path.read_text("utf-8").replace("Customer", "Visitor"), encoding="utf-8")
    it.mouse.click(*it.spot("element", "web"))
    it.write("Name", "Front")
    dialog = it.root.get_by_role("alertdialog")
    dialog.wait_for()
    it.keys.press("Escape")
    assert dialog.count() == 0
    assert "Visitor" in it.path.read_text("utf-8")
    assert "Not saved" in it.root.locator(".tk-saving").inner_text()
    it.press("Decide…")
    dialog.get_by_role("button", name="Keep mine").click()
    it.settled()
    saved = threatkit.load(it.path)
    assert (saved["user"].name, saved["web"].name) == ("Customer", "Front")
    said = it.root.locator(".tk-saving").inner_text()
    assert "Saved to model.yaml" in said and "model.yaml.theirs.bak" in said


def test_a_finding_lights_its_places_and_its_path(desk):
    it = desk()
    it.root.locator(".tk-finding-head").first.click()
    it.settled()
    top = it.editing.state()["findings"][0]
    lit = it.look("editor => editor.canvas.cy.elements('.lit').map(one => one.data('ref'))")
    assert set(lit) == {*top["places"], *top["path"]}
    assert it.look("editor => editor.canvas.cy.elements('.dim').length") > 0
    it.root.locator(".tk-finding-head").first.click()
    assert it.look("editor => editor.canvas.cy.elements('.lit, .dim').length") == 0


def test_tab_leads_out_of_the_canvas_and_escape_back_to_it(desk):
    it = desk()
    it.look("editor => editor.canvas.box.focus()")
    it.keys.press("ArrowRight")
    it.keys.press("Tab")
    assert it.look("editor => editor.canvas.box !== document.activeElement")
    it.look("editor => editor.canvas.box.focus()")
    it.keys.press("Enter")
    assert it.look("editor => editor.panel.part.contains(document.activeElement)")
    it.keys.press("Escape")
    assert it.look("editor => editor.canvas.box === document.activeElement")


def test_lettering_of_flows_does_not_cover_elements(desk):
    it = desk(threatkit.sample("support-assistant"))
    it.settled()
    covered = it.look(
        """editor => {
            const { cy } = editor.canvas;
            const boxes = cy.nodes('.element').map(n => ({ ...n.position(), w: n.width() / 2, h: n.height() / 2 }));
            return cy.edges().filter(e => {
                const at = e.midpoint(), x = at.x + (e.data('labelX') ?? 0), y = at.y + (e.data('labelY') ?? 0);
                return boxes.some(b => Math.abs(b.x - x) < b.w - 2 && Math.abs(b.y - y) < b.h - 2);
            }).map(e => e.data('ref'));
        }"""
    )
    assert covered == []
