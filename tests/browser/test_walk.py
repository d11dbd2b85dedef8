"""A whole STRIDE walk by keyboard alone, in JupyterLab and in Voilà; a new kernel goes on where it was left."""

from __future__ import annotations

import json

import pytest

import threatkit
from threatkit.decisions import Decisions
from threatkit.walking import Walk

MODEL = """\
threatkit: 1
name: Shop <b>&</b> $$x$$
boundaries:
  net: {trust: untrusted}
  us: {trust: trusted}
elements:
  customer: {kind: external_entity, in: net, name: "$$y$$ <img src=x onerror=console.error(1)>"}
  bot: {kind: agent, in: us, properties: [send_message], without: [content_provenance_labels, human_approval]}
  pad: {kind: datastore, in: us}
flows:
  - {id: ask, from: customer, to: bot}
  - {id: keep, from: bot, to: pad}
"""
CODE = 'import threatkit\nthreatkit.walk(threatkit.load("{}.yaml"))'
STEPS = 80  # more presses of Tab than it takes to get once round
WAIT = 30_000  # milliseconds
READY = ".tk-walk[data-ready]"


def write(folder, name):
    (folder / f"{name}.yaml").write_text(MODEL, encoding="utf-8")
    cell = {"cell_type": "code", "id": "walk", "metadata": {}, "outputs": [], "execution_count": None}
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    book = {"cells": [cell | {"source": CODE.format(name)}], "metadata": {"kernelspec": kernel}}
    (folder / f"{name}.ipynb").write_text(json.dumps(book | {"nbformat": 4, "nbformat_minor": 5}), encoding="utf-8")


class Hands:
    """Somebody without a mouse: every step is a key."""

    def __init__(self, page):
        self.page = page
        page.locator(READY).wait_for(timeout=60_000)

    def tab_to(self, what, back=False):
        """Press Tab until the focus is on what a selector says."""
        for _ in range(STEPS):
            if self.page.evaluate("what => document.activeElement?.matches(what) || false", what):
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError(f"the Tab key never comes to {what}")

    def field(self, label):
        """The selector of the field with this label."""
        found = self.page.locator(".tk-walk").get_by_label(label, exact=True).and_(self.page.locator(":visible"))
        return f'[id="{found.get_attribute("id")}"]'

    def button(self, words):
        """Go to a button; it can only be found by its place among the buttons."""
        button = self.page.locator(".tk-walk").get_by_role("button", name=words, exact=True)
        button.evaluate("el => el.setAttribute('data-wanted', el.textContent)")
        self.tab_to(f'[data-wanted="{words}"]')

    def type_in(self, label, text):
        self.tab_to(self.field(label))
        self.page.keyboard.type(text)

    def says(self, text):
        self.page.locator(".tk-status", has_text=text).wait_for(timeout=WAIT)

    @property
    def heading(self):
        return self.page.locator(".tk-heading h2").inner_text()

    @property
    def count(self):
        return self.page.locator(".tk-count").inner_text()

    def until_count_changes(self, before):
        self.page.wait_for_function(
            "before => document.querySelector('.tk-count').innerText !== before", arg=before, timeout=WAIT
        )

    def show(self, panel, presses):
        """Choose a panel with the arrow keys; from the first one it is this many presses away."""
        self.tab_to('.tk-radio input[data-value="Threats"]:checked')
        for _ in range(presses):
            self.page.keyboard.press("ArrowRight")
        assert self.page.get_by_role("radio", name=panel, exact=True).is_checked()

    def back_to_threats(self, presses):
        for _ in range(presses):
            self.page.keyboard.press("ArrowLeft")
        self.page.wait_for_function("document.querySelector('.tk-looked input').offsetParent !== null")


def settle(hands):
    """Decide all that is open in the cell, or mark it as looked at; the focus is then on something that takes keys."""
    page = hands.page
    found = page.locator(".tk-walk").get_by_label("Found", exact=True)
    before = hands.count
    options = [said.replace("\xa0", " ") for said in found.locator("option").all_inner_texts()]
    if options == ["nothing was found here"]:
        hands.tab_to(".tk-looked input")
        page.keyboard.press("Space")
    else:
        for number, said in enumerate(options):
            if "· open ·" not in said:
                continue
            hands.tab_to(hands.field("Found"))
            for key in ["Home", *["ArrowDown"] * number]:
                page.keyboard.press(key)
            page.wait_for_timeout(400)
            hands.tab_to(hands.field("Decision"))
            page.keyboard.type("No")  # "Needs an answer first" is the other one with an N
            hands.tab_to(hands.field("Why not here"))
            page.keyboard.type("a test")
            page.wait_for_timeout(300)
            page.keyboard.press("Control+Enter")
            option = f"[...document.querySelector({json.dumps(hands.field('Found'))}).options][{number}]"
            page.wait_for_function(f"() => {option}.text.replaceAll('\\xa0', ' ').includes('· decided')", timeout=WAIT)
            hands.button("Save decision")
    hands.until_count_changes(before)


def finish(hands, most=60):
    """Go from open cell to open cell until there is none; how many there were."""
    for done in range(most):
        left, all_ = (int(word) for word in hands.count.replace(" done", "").split(" of "))
        if left == all_:
            return done
        before = (hands.heading, hands.page.locator(".tk-radio input:checked").last.get_attribute("data-value"))
        hands.page.keyboard.press("o")
        hands.page.wait_for_function(
            """([heading, letter]) => document.querySelector('.tk-heading h2').innerText !== heading ||
            [...document.querySelectorAll('.tk-radio input:checked')].at(-1).dataset.value !== letter""",
            arg=before,
            timeout=WAIT,
        )
        settle(hands)
    raise AssertionError("the walk has no end")


def own_threat(hands):
    hands.show("Own threat", 1)
    hands.type_in("What can happen", "A parcel <i>explodes</i>")
    for label, key in (("How likely", "3"), ("How bad", "5")):
        hands.tab_to(hands.field(label))
        hands.page.keyboard.type(key)
    hands.page.keyboard.press("Control+Enter")
    hands.says("Threat saved. Saved")
    hands.tab_to('.tk-radio input[data-value="Own%20threat"]:checked', back=True)
    hands.back_to_threats(1)


def holds_all(path):
    system, decisions = threatkit.load(path), Decisions.load(path)
    walk = Walk(system, decisions)
    assert walk.progress().done == walk.progress().total > 17 and walk.analysis.findings
    (own,) = decisions.own.values()
    assert (own.title, own.likelihood, own.impact, own.decision.action) == (
        "A parcel <i>explodes</i>", 3, 5, "not_applicable",
    )  # fmt: skip
    assert {decisions.get(finding).why for finding in walk.analysis.findings} == {"a test"}


@pytest.fixture(scope="module")
def notebook(lab, open_notebook):
    write(lab.folder, "shop")
    opened = open_notebook("shop.ipynb")
    opened.run_all()
    return opened


def test_a_whole_walk_by_keyboard_with_a_kernel_that_restarts(notebook, lab, axe):
    page, hands = notebook.page, Hands(notebook.page)
    first = hands.heading
    hands.tab_to(".tk-walk button")
    own_threat(hands)
    page.keyboard.press("n")
    page.wait_for_function("first => document.querySelector('.tk-heading h2').innerText !== first", arg=first)
    page.keyboard.press("n")
    page.locator(".tk-heading h2", has_text="3 of").wait_for()
    hands.tab_to(hands.field("Note"))
    page.keyboard.type("half a no")
    hands.says("Note kept. Saved")  # after a pause, with the focus still in the field
    page.keyboard.type("te")
    hands.says("Note kept. Saved")
    page.wait_for_timeout(1200)
    left = hands.heading
    assert axe(page, ".tk-walk") == []

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    page.locator(".tk-walk").wait_for(state="detached")
    notebook.run_all()
    hands = Hands(page)
    hands.says("Goes on where it was left")
    assert hands.heading == left
    assert page.locator(".tk-walk").get_by_label("Note", exact=True).last.input_value() == "half a note"

    hands.tab_to(".tk-walk button")
    assert finish(hands) > 10
    page.keyboard.press("o")
    hands.says("Every cell is looked at or decided")
    holds_all(lab.folder / "shop.yaml")


def test_all_panels_can_be_used_by_everybody(notebook, axe):
    hands = Hands(notebook.page)
    hands.tab_to('.tk-radio input[data-value="Threats"]:checked')
    for panel in ("Own threat", "Picture", "Coverage", "Review"):
        notebook.page.keyboard.press("ArrowRight")
        notebook.page.wait_for_timeout(300)
        assert notebook.page.get_by_role("radio", name=panel, exact=True).is_checked()
        assert axe(notebook.page, ".tk-walk") == []
    hands.tab_to("button.tk-jump")
    notebook.page.keyboard.press("Enter")
    notebook.page.wait_for_function("() => document.activeElement.matches('.tk-heading h2')")


def test_a_model_with_hostile_names_is_shown_as_plain_text(notebook):
    page = notebook.page
    assert page.locator(".tk-walk mjx-container, .tk-walk .MathJax, .tk-walk b b, .tk-walk img[src=x]").count() == 0
    assert "$$y$$\xa0<img" in page.locator(".tk-walk").get_by_label("Go to", exact=True).inner_text()


def test_the_notebook_has_nothing_to_complain_about(notebook):
    assert notebook.complaints == []


def test_the_same_walk_in_voila(browser, voila, axe):
    write(voila.folder, "stall")
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page, complaints, hosts = context.new_page(), [], set()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if "//" in request.url else None)
    # Voilà's own page asks a network for an icon font, with or without a walk on it.
    page.route("**/npm/@fortawesome/**", lambda route: route.fulfill(body="", content_type="text/css"))
    page.goto(voila.url("stall.ipynb"), timeout=60_000)
    hands = Hands(page)
    hands.tab_to(".tk-walk button")
    own_threat(hands)
    finish(hands)
    assert axe(page, ".tk-walk") == []
    holds_all(voila.folder / "stall.yaml")
    context.close()
    assert complaints == [] and hosts - {"cdn.jsdelivr.net"} == {voila.address.split("/")[2]}
