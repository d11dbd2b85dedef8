"""The editor in a real JupyterLab and in Voilà: with the mouse, with the keyboard, and with what happens meanwhile."""

from __future__ import annotations

import json
import re

import pytest

import threatkit

WAIT = 30_000  # milliseconds
HOSTILE = "<img src=x onerror=console.error(1)><script>console.error(2)</script> $$x$$ [a](javascript:1) \u202eabc"


class Canvas:
    """Somebody in front of the editor: the pointer and the keys, nothing else changes anything."""

    def __init__(self, page):
        self.page = page
        self.root = page.locator(".tk-editor").first
        self.root.wait_for(timeout=60_000)
        self.page.evaluate(
            """() => {
                const app = window.jupyterapp;
                if (app?.shell.leftCollapsed === false) app.commands.execute("application:toggle-left-area");
            }"""
        )
        self.page.wait_for_function("() => document.querySelector('.tk-editor')._editor.canvas.cy", timeout=WAIT)
        self.page.wait_for_timeout(300)
        self.box.scroll_into_view_if_needed()

    @property
    def box(self):
        return self.root.locator(".tk-canvas")

    def point(self, x, y):
        corner = self.box.bounding_box()
        return corner["x"] + x, corner["y"] + y

    def spot(self, part, name):
        """Where a part with this name stands on the screen: the middle of a box, the head of a boundary."""
        at = self.page.evaluate(
            """([part, name]) => {
                const { cy, stage } = document.querySelector('.tk-editor')._editor.canvas;
                const store = document.querySelector('.tk-editor')._editor.store;
                const item = cy.elements().toArray().find(one =>
                    one.data('part') === part && store.label(part, one.data('ref')) === name);
                if (!item) return null;
                const at = item.isEdge() ? item.renderedMidpoint() : item.renderedPosition();
                const box = item.renderedBoundingBox({ includeLabels: false });
                return part === 'boundary' ? [at.x, box.y1 + 8] : [at.x, at.y];
            }""",
            [part, name],
        )
        assert at, f"no {part} {name} is drawn"
        return self.point(*at)

    def confirmed(self, words="Saved"):
        self.page.wait_for_timeout(60)
        self.root.locator(".tk-saving", has_text=words).wait_for(timeout=WAIT)

    def press(self, name):
        self.root.get_by_role("button", name=name, exact=True).click()

    def named(self, name):
        self.root.locator(".tk-naming").wait_for()
        self.page.keyboard.type(name)
        self.page.keyboard.press("Enter")
        self.confirmed()

    def boundary(self, name, x, y, trust):
        self.press("Boundary")
        self.page.mouse.click(*self.point(x, y))
        self.named(name)
        self.root.get_by_label("Trust", exact=True).select_option(trust)
        self.confirmed()

    def element(self, menu, kind, name, inside, below=20):
        self.press(menu)
        self.root.get_by_role("menuitem", name=re.compile(f"^{kind}")).first.click()
        x, y = self.spot("boundary", inside)
        self.page.mouse.click(x, y + below)
        self.named(name)

    def connect(self, source, target, name):
        self.box.focus()
        self.page.keyboard.press("Escape")  # nothing is selected: both ends are clicked
        self.press("Connect")
        self.page.mouse.click(*self.spot("element", source))
        self.page.mouse.click(*self.spot("element", target))
        self.named(name)

    def drag(self, name, x, y):
        self.page.mouse.move(*self.spot("element", name))
        self.page.mouse.down()
        here = self.spot("element", name)
        for step in range(1, 9):
            self.page.mouse.move(here[0] + (x - here[0]) * step / 8, here[1] + (y - here[1]) * step / 8)
        self.page.mouse.up()
        self.confirmed()

    def select(self, part, name):
        self.page.mouse.click(*self.spot(part, name))
        field = self.root.locator(f'[data-role="name"][data-key^="{part}/"]')
        field.wait_for()
        assert field.input_value() == name

    def finding(self, words):
        return self.root.locator(".tk-finding:not(.tk-went)", has_text=words)


def notebook_of(*cells):
    made = [
        {"cell_type": "code", "id": f"c{at}", "source": cell, "metadata": {}, "outputs": [], "execution_count": None}
        for at, cell in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture(scope="module")
def opened(lab, open_notebook):
    (lab.folder / "drawn.ipynb").write_text(
        notebook_of('import threatkit\neditor = threatkit.edit("drawn.yaml")\neditor'), encoding="utf-8"
    )
    notebook = open_notebook("drawn.ipynb")
    notebook.run_all()
    return notebook, Canvas(notebook.page), lab.folder / "drawn.yaml"


def run(notebook, code):
    """Run code in the notebook's kernel, as a cell would; what it printed comes back."""
    return notebook.page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({ code });
            let said = '';
            future.onIOPub = message => {
                if (message.header.msg_type === 'stream') said += message.content.text;
                if (message.header.msg_type === 'error') said += message.content.evalue;
            };
            await future.done;
            return said;
        }""",
        code,
    )


def test_three_boundaries_are_drawn_with_the_mouse(opened):
    notebook, canvas, file = opened
    canvas.boundary("Internet", 110, 120, "untrusted")
    canvas.boundary("Cloud", 380, 120, "trusted")
    canvas.boundary("Provider", 640, 120, "vendor")
    canvas.element("External", "user", "Customer", "Internet")
    canvas.element("Process", "agent", "Helper", "Cloud")
    canvas.element("Process", "llm", "Model", "Internet", below=100)
    canvas.connect("Customer", "Helper", "question")
    system = threatkit.load(file)
    assert [b.trust for b in system.boundaries.values()] == ["untrusted", "trusted", "vendor"]
    assert {e.label: system.boundaries[e.boundary].name for e in system.elements.values()} == {
        "Customer": "Internet",
        "Helper": "Cloud",
        "Model": "Internet",
    }
    assert [flow.label for flow in system.flows.values()] == ["question"]
    assert notebook.complaints == []


def test_dragging_into_a_box_moves_an_element_there_and_undo_takes_it_back(opened):
    _, canvas, file = opened
    x, y = canvas.spot("boundary", "Provider")
    canvas.drag("Model", x, y + 20)

    def home():
        system = threatkit.load(file)
        return system.boundaries[next(e for e in system.elements.values() if e.label == "Model").boundary].name

    assert home() == "Provider"
    canvas.press("Undo")
    canvas.confirmed()
    assert home() == "Internet"
    canvas.press("Redo")
    canvas.confirmed()
    assert home() == "Provider"
    canvas.connect("Helper", "Model", "prompt")


def test_a_double_click_renames(opened):
    _, canvas, file = opened
    canvas.page.mouse.dblclick(*canvas.spot("element", "Helper"))
    canvas.named("Shop helper")
    assert "Shop helper" in {e.label for e in threatkit.load(file).elements.values()}


def test_a_finding_comes_with_an_edit_and_goes_with_undo(opened):
    _, canvas, file = opened
    canvas.select("flow", "question")
    canvas.root.locator('[data-key$="/carries/pii"]').check()
    canvas.confirmed()
    assert canvas.finding("unencrypted").count() == 0
    canvas.root.get_by_label("Encrypted", exact=True).select_option("no")
    canvas.confirmed()
    canvas.finding("Data travels unencrypted").first.wait_for(timeout=WAIT)
    canvas.root.locator(".tk-news", has_text="came").wait_for(timeout=WAIT)
    canvas.press("Undo")
    canvas.confirmed()
    canvas.page.wait_for_function(
        "() => ![...document.querySelectorAll('.tk-finding:not(.tk-went)')].some(f => /unencrypted/.test(f.innerText))",
        timeout=WAIT,
    )
    canvas.press("Redo")
    canvas.confirmed()
    canvas.finding("Data travels unencrypted").first.wait_for(timeout=WAIT)
    assert next(f for f in threatkit.load(file).flows.values() if f.label == "question").encrypted is False


def test_a_change_in_python_shows_on_the_canvas(opened):
    notebook, canvas, file = opened
    assert run(notebook, "_ = editor.system.element('log', 'log_store', name='Journal')") == ""
    canvas.page.wait_for_function(
        "() => document.querySelector('.tk-editor')._editor.canvas.cy.getElementById('element:log').nonempty()",
        timeout=WAIT,
    )
    canvas.confirmed()
    assert "log" in threatkit.load(file).elements
    assert run(notebook, "print(len(editor.system.elements))").strip() == "4"


def test_everybody_can_use_the_canvas_and_the_table(opened, axe):
    _, canvas, _ = opened
    assert axe(canvas.page, ".tk-editor") == []
    canvas.press("Table")
    canvas.root.get_by_role("table").first.wait_for()
    assert axe(canvas.page, ".tk-editor") == []
    canvas.press("Canvas")


def test_after_a_reload_and_a_new_kernel_all_is_as_it_was(opened, lab):
    notebook, canvas, file = opened
    before = threatkit.load(file).to_dict()
    places = canvas.spot("element", "Customer"), canvas.spot("element", "Journal")
    notebook.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
    notebook.page.reload()
    notebook.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=60_000)
    notebook.page.wait_for_function(
        "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'",
        timeout=60_000,
    )
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    notebook.run_all()
    notebook.page.wait_for_timeout(500)
    again = Canvas(notebook.page)
    notebook.page.wait_for_function(
        "() => document.querySelector('.tk-editor')._editor.canvas.cy.getElementById('element:log').nonempty()",
        timeout=60_000,
    )
    assert threatkit.load(file).to_dict() == before
    assert again.finding("Data travels unencrypted").count() >= 1
    kept = again.spot("element", "Customer"), again.spot("element", "Journal")
    assert (kept[1][0] - kept[0][0] > 0) == (places[1][0] - places[0][0] > 0)
    # JupyterLab itself complains about what it had asked of the kernel that went
    assert [said for said in notebook.complaints if "Canceled future" not in said and "debugger" not in said] == []
    notebook.complaints.clear()


def test_a_file_that_somebody_else_changed_is_not_overwritten(opened):
    _, canvas, file = opened
    file.write_text("# mine\n" + file.read_text("utf-8").replace("Customer", "Visitor"), encoding="utf-8")
    canvas = Canvas(canvas.page)
    canvas.select("boundary", "Cloud")
    field = canvas.root.locator('[data-role="name"]')
    field.fill("Our cloud")
    field.press("Enter")
    dialog = canvas.root.get_by_role("alertdialog")
    dialog.wait_for(timeout=WAIT)
    assert "Visitor" in file.read_text("utf-8") and "Our cloud" not in file.read_text("utf-8")
    dialog.get_by_role("button", name=re.compile("Take theirs")).click()
    canvas.confirmed()
    canvas.spot("element", "Visitor")
    assert file.read_text("utf-8").startswith("# mine")


def test_a_system_can_be_drawn_with_the_keyboard_alone(lab, open_notebook):
    (lab.folder / "keys.ipynb").write_text(
        notebook_of('import threatkit\neditor = threatkit.edit("keys.yaml")\neditor'), encoding="utf-8"
    )
    notebook = open_notebook("keys.ipynb")
    notebook.run_all()
    canvas, keys = Canvas(notebook.page), notebook.page.keyboard
    canvas.box.focus()
    keys.press("b")
    keys.press("Enter")
    canvas.named("Cloud")
    for letter, name in (("p", "Web"), ("a", "Bot")):
        canvas.box.focus()
        keys.press("a")
        canvas.root.get_by_role("menuitem").first.wait_for()
        keys.press(letter)
        keys.press("Enter")
        keys.press("Enter")
        canvas.named(name)
    canvas.box.focus()
    keys.press("c")  # from the selected one, the bot, to the other
    keys.press("ArrowLeft")
    keys.press("Enter")
    canvas.named("answer")
    keys.press("F2")
    canvas.named("reply")
    keys.press("Control+z")
    canvas.confirmed()
    system = threatkit.load(lab.folder / "keys.yaml")
    assert {e.label: e.boundary is not None for e in system.elements.values()} == {"Web": True, "Bot": True}
    assert [(f.label, system[f.source].label, system[f.target].label) for f in system.flows.values()] == [
        ("answer", "Bot", "Web")
    ]
    cells = notebook.cells()
    assert len(cells) == 1  # no key reached the notebook
    assert notebook.complaints == []


def test_hostile_names_are_text_and_nothing_else(lab, open_notebook, axe):
    system = threatkit.System(HOSTILE)
    system.boundary("b", name=HOSTILE, trust="untrusted", description=HOSTILE)
    system.element("a", "agent", name=HOSTILE * 40, boundary="b", description=HOSTILE)
    system.element("u", "user", name="line\nbreak\u2066" + "x" * 10_000)
    system.flow("f", "u", "a", name=HOSTILE, encrypted=False, carries=["pii"])
    threatkit.save(system, lab.folder / "hostile.yaml")
    (lab.folder / "hostile.ipynb").write_text(
        notebook_of('import threatkit\nthreatkit.edit("hostile.yaml")'), encoding="utf-8"
    )
    notebook = open_notebook("hostile.ipynb")
    notebook.run_all()
    canvas = Canvas(notebook.page)
    canvas.box.focus()
    for _ in range(4):
        notebook.page.keyboard.press("n")
    assert canvas.root.locator("img, script:not([type]), iframe").count() == 0
    assert notebook.page.evaluate("() => document.querySelector('.tk-editor').scrollWidth") < 1300
    canvas.press("Table")
    assert canvas.root.locator("img, iframe").count() == 0
    assert axe(notebook.page, ".tk-editor") == []
    assert notebook.complaints == []


def test_the_editor_works_in_voila(voila, browser):
    (voila.folder / "drawn.ipynb").write_text(
        notebook_of('import threatkit\nthreatkit.edit("shown.yaml")'), encoding="utf-8"
    )
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    complaints = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(voila.url("drawn.ipynb"), timeout=60_000)
    canvas = Canvas(page)
    canvas.boundary("Internet", 200, 120, "untrusted")
    canvas.element("External", "user", "Customer", "Internet")
    system = threatkit.load(voila.folder / "shown.yaml")
    assert [e.label for e in system.elements.values()] == ["Customer"]
    assert complaints == []
    page.close()
