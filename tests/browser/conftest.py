"""A real JupyterLab and a real browser.

    def test_something(open_notebook):
        notebook = open_notebook("00-start-here.ipynb")
        notebook.run_all()
        assert notebook.show(7).locator("img").count() == 1

`notebook.page` is Playwright's page. `lab.folder` is the folder that is served, a copy of the notebooks: a test may
write a notebook of its own there. `axe(page, ".my-widget")` lists what breaks WCAG 2 A or AA in a part of a page:

    def test_all_can_use_it(open_notebook, axe):
        ...
        assert axe(notebook.page, ".my-widget") == []
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import threatkit
from threatkit.vocabulary import notebooks_path

HERE = Path(__file__).resolve().parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START, RUN, LOOK = 60, 120, 20  # seconds until the server answers, a notebook is through, a thing on the page is there
_LAB_SETTINGS = {"@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}}
_SKIPPED = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: its address, the token that opens it, and the folder that it serves."""

    address: str
    token: str
    folder: Path

    def url(self, path: str) -> str:
        """The address that opens a file of the folder, in a workspace of its own."""
        return f"{self.address}/lab/workspaces/{secrets.token_hex(4)}/tree/{path}?reset&token={self.token}"


@dataclass
class Notebook:
    """A notebook that is open in a tab, and what the tab's console complained about."""

    page: Any
    complaints: list[str] = field(default_factory=list)

    def hear(self, said: Any) -> None:
        """Keep what the console says when it is an error."""
        if said.type == "error":
            self.complaints.append(f"{said.text} ({said.location['url']})")

    def run_all(self) -> None:
        """Run every cell; wait until the kernel has answered all of them, or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(_ALL_ANSWERED, timeout=RUN * 1000)

    def cells(self) -> list[dict[str, Any]]:
        """The cells as the notebook file would hold them now, outputs included."""
        return self.page.evaluate(f"() => {_MODEL}.toJSON().cells")

    def outputs(self) -> list[dict[str, Any]]:
        """All outputs of all code cells, in order."""
        return [output for cell in self.cells() for output in cell.get("outputs", [])]

    def show(self, cell: int) -> Any:
        """Scroll to a cell and return it as a locator; JupyterLab draws only the cells that are near the view."""
        self.page.evaluate(f"at => {_PANEL}.content.scrollToItem(at, 'start')", cell)
        found = self.page.locator(f'.jp-Notebook .jp-Cell[data-windowed-list-index="{cell}"]')
        found.wait_for()
        return found


# The application is on the page as `jupyterapp` because of --expose-app-in-browser.
_PANEL = "window.jupyterapp.shell.currentWidget"
_MODEL = f"{_PANEL}.content.model"
_ALL_ANSWERED = f"""() => {{
    const cells = {_MODEL}.toJSON().cells.filter(cell => cell.cell_type === "code" && cell.source.length);
    const failed = cells.some(cell => cell.outputs.some(output => output.output_type === "error"));
    return failed || cells.every(cell => cell.execution_count !== null);
}}"""
_KERNEL_READY = f"() => {_PANEL}?.sessionContext?.session?.kernel?.status === 'idle'"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on a free port of this machine, with empty settings and a copy of the notebooks."""
    pytest.importorskip("jupyterlab")
    root = tmp_path_factory.mktemp("lab")
    folder = root / "notebooks"
    shutil.copytree(notebooks_path(), folder, ignore=_SKIPPED)
    for name, settings in _LAB_SETTINGS.items():
        target = root / "settings" / f"{name}.jupyterlab-settings"
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(settings), encoding="utf-8")
    port, token = _free_port(), secrets.token_hex(16)
    log = root / "log.txt"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        *(f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"),
    ]
    with log.open("w") as out:
        server = subprocess.Popen(command, env=_environment(root), cwd=root, stdout=out, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api/status?token={token}", server, log)
        yield Lab(address, token, folder)
    finally:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@dataclass(frozen=True)
class Voila:
    """A running Voilà: its address, and the folder whose notebooks it shows as applications."""

    address: str
    folder: Path

    def url(self, path: str) -> str:
        """The address that runs a notebook of the folder and shows only its outputs."""
        return f"{self.address}/voila/render/{path}"


@pytest.fixture(scope="session")
def voila(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Voila]:
    """Voilà on a free port of this machine, with an empty folder to put notebooks into."""
    pytest.importorskip("voila")
    root = tmp_path_factory.mktemp("voila")
    folder = root / "notebooks"
    folder.mkdir()
    port = _free_port()
    log = root / "log.txt"
    command = [
        *(sys.executable, "-m", "voila", str(folder), "--no-browser", "--Voila.ip=127.0.0.1", f"--port={port}"),
        "--show_tracebacks=True",
    ]
    with log.open("w") as out:
        server = subprocess.Popen(command, env=_environment(root), cwd=root, stdout=out, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/voila/tree", server, log)
        yield Voila(address, folder)
    finally:
        server.terminate()
        try:
            server.wait(timeout=15)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a window; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def open_notebook(browser: Any, lab: Lab) -> Iterator[Callable[[str], Notebook]]:
    """Opens a notebook of the lab's folder in a tab of 1280 by 720 pixels, and waits until its kernel is ready."""
    contexts = []

    def opened(path: str) -> Notebook:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 720}))
        contexts[-1].set_default_timeout(LOOK * 1000)
        notebook = Notebook(contexts[-1].new_page())
        notebook.page.on("pageerror", lambda error: notebook.complaints.append(str(error)))
        notebook.page.on("console", notebook.hear)
        notebook.page.goto(lab.url(path), timeout=START * 1000)
        notebook.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=START * 1000)
        notebook.page.wait_for_function(_KERNEL_READY, timeout=START * 1000)
        return notebook

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> Callable[..., list[str]]:
    """`axe(page, selector=None)`: what breaks WCAG 2.0 to 2.2, A and AA, on the page or in what the selector finds.

    A complaint is one line: the rule, what it is about, and each place with its reason. The selector must find
    something, so that nothing passes because it is not there. Rules that are about a whole page (language, title,
    landmarks) only count without a selector.
    """
    source = (HERE / "vendor" / "axe.min.js").read_text(encoding="utf-8")

    def checked(page: Any, selector: str | None = None) -> list[str]:
        if selector is not None:
            page.locator(selector).first.wait_for()
        if not page.evaluate("() => Boolean(window.axe)"):
            page.evaluate(f"() => {{ const module = undefined, exports = undefined, define = undefined; {source} }}")
        found = page.evaluate(_AXE, [selector, ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]])
        return [f"{rule} ({says}): {place} - {why}" for rule, says, place, why in found]

    return checked


_AXE = """async ([selector, tags]) => {
    const include = selector === null ? document : { include: [[selector]] };
    const result = await axe.run(include, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
    return result.violations.flatMap(rule => rule.nodes.map(node => [
        rule.id, rule.help, node.html.slice(0, 200), (node.failureSummary || "").replace(/\\s+/g, " ")]));
}"""


def _environment(root: Path) -> dict[str, str]:
    """Nobody's own Jupyter settings, and the threatkit that is under test."""
    package = str(Path(threatkit.__file__).resolve().parent.parent)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON"))}
    own = {f"JUPYTER_{what}_DIR": str(root / what.lower()) for what in ("CONFIG", "DATA", "RUNTIME")}
    kept |= own | {"IPYTHONDIR": str(root / "ipython"), "JUPYTERLAB_SETTINGS_DIR": str(root / "settings")}
    kept["PYTHONPATH"] = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    return kept


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def _wait_for(url: str, server: subprocess.Popen, log: Path) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"The server did not start:\n{log.read_text(errors='replace')[-3000:]}")
