"""The editor's program: made from the sources beside it, small, and alone in the world."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from threatkit.widgets import editor

FOLDER = Path(editor.__file__).parent
SOURCES, STATIC = FOLDER / "src", FOLDER / "static"
BUNDLE = STATIC / "editor.js"
MOST_BYTES = 800_000
NO_ADDRESS = re.compile(r"https?://(?!www\.w3\.org/)[\w.-]+")


def hashes() -> dict[str, str]:
    lines = (STATIC / "editor.sources.sha256").read_text("utf-8").splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def test_the_bundle_was_built_from_the_sources_as_they_are():
    names = {path.name for path in SOURCES.iterdir() if path.suffix in (".js", ".mjs", ".css", ".json")}
    assert hashes() == {name: hashlib.sha256((SOURCES / name).read_bytes()).hexdigest() for name in names}, (
        "the sources of the editor changed: run make widgets"
    )


def test_the_same_sources_give_the_same_bytes(tmp_path):
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        pytest.skip("Node and npm are not installed")
    work = tmp_path / "src"
    shutil.copytree(SOURCES, work, ignore=shutil.ignore_patterns("node_modules"))
    if (SOURCES / "node_modules" / "esbuild").is_dir():
        (work / "node_modules").symlink_to(SOURCES / "node_modules")
    else:
        got = subprocess.run([npm, "ci", "--silent"], cwd=work, capture_output=True, timeout=120)
        if got.returncode:
            pytest.skip("npm could not fetch esbuild")
    subprocess.run([node, "build.mjs", str(tmp_path / "out")], cwd=work, check=True, timeout=60)
    assert (tmp_path / "out" / "editor.js").read_bytes() == BUNDLE.read_bytes()


def test_the_bundle_is_small():
    assert 100_000 < BUNDLE.stat().st_size < MOST_BYTES


def test_the_bundle_talks_to_no_other_host_and_runs_no_text():
    program = re.sub(r"/\*.*?\*/", "", BUNDLE.read_text("utf-8"), flags=re.DOTALL)  # the comments are licences
    assert NO_ADDRESS.findall(program) == []
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "importScripts", "import("):
        assert word not in program, word
    assert not re.search(r"\beval\(|new Function\(", program)


def test_the_lock_file_names_no_registry():
    assert "resolved" not in (SOURCES / "package-lock.json").read_text("utf-8")
