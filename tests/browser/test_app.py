"""`threatkit app MODEL`: the walk in a browser for people who should not see code, from one command."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

import threatkit
from threatkit.decisions import Decisions
from threatkit.vocabulary import data_path

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\S*")
HOSTILE = "it's \"$(touch x)\" <b>é');import os#.yaml"


@pytest.fixture
def app(tmp_path):
    """Starts the app with a model of a nasty name; gives its address with the token, and the model's path."""
    pytest.importorskip("voila")
    model = tmp_path / (HOSTILE if os.name == "posix" else "model.yaml")
    model.write_bytes(data_path("models", "support-assistant.yaml").read_bytes())
    log = tmp_path / "log.txt"
    package = os.path.dirname(os.path.dirname(threatkit.__file__))
    own = {f"JUPYTER_{what}_DIR": str(tmp_path / what.lower()) for what in ("CONFIG", "DATA", "RUNTIME")}
    command = [sys.executable, "-m", "threatkit", "app", str(model), "--no-browser"]
    with log.open("w") as out:
        server = subprocess.Popen(
            command, env={**os.environ, **own, "PYTHONPATH": package}, cwd=tmp_path, stdout=out, stderr=out
        )
    try:
        until = time.monotonic() + 60
        while not (found := ADDRESS.search(log.read_text(errors="replace"))) and time.monotonic() < until:
            assert server.poll() is None, log.read_text(errors="replace")
            time.sleep(0.2)
        assert found, log.read_text(errors="replace")
        yield found[0], model
    finally:
        server.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def test_the_walk_is_a_page_without_code_network_or_complaints(app, browser, axe):
    address, model = app
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page, complaints, hosts = context.new_page(), [], set()
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]) if "//" in request.url else None)
    page.goto(address, timeout=60_000)
    walk = page.locator(".tk-walk")
    walk.wait_for(timeout=60_000)
    note = walk.locator("textarea:visible").first
    note.wait_for(timeout=20_000)
    if folder := os.environ.get("THREATKIT_TEST_SHOTS"):
        page.wait_for_timeout(1500)
        page.screenshot(path=f"{folder}/app.png")
        page.set_viewport_size({"width": 390, "height": 844})
        page.screenshot(path=f"{folder}/app-390.png")
        page.set_viewport_size({"width": 1280, "height": 720})
    note.fill("asked the team")
    note.press("Tab")
    until = time.monotonic() + 10
    while "asked the team" not in _beside(model) and time.monotonic() < until:
        page.wait_for_timeout(200)
    assert "asked the team" in _beside(model)
    assert axe(page) == []
    assert "cli_app" not in page.content()
    context.close()
    assert complaints == []
    assert hosts == {address.split("/")[2]}


@pytest.mark.parametrize("path", ["", "api/kernels", "voila/render/walk.ipynb"])
def test_without_the_token_nobody_gets_in(app, path):
    address, _ = app
    assert "token=" in address
    try:
        with urllib.request.urlopen(address.split("?")[0] + path, timeout=10) as answer:
            assert "/login?" in answer.geturl()
    except urllib.error.HTTPError as refused:
        assert refused.code in (401, 403, 404)


def _beside(model) -> str:
    Decisions.load(model)  # it is a file that can be read
    return "".join(p.read_text(encoding="utf-8") for p in model.parent.glob("*decisions*"))
