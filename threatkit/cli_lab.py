"""`threatkit lab`: a folder with the course and the sample models, opened in JupyterLab."""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from threatkit import __version__
from threatkit.cli_page import Page, number
from threatkit.errors import ModelError, NotFoundError, Problem, shown
from threatkit.vocabulary import data_path, notebooks_path

MANIFEST = ".threatkit-lab.json"

_SKIPPED = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add `threatkit lab`."""
    added = command(
        "lab",
        _lab,
        "open the course in JupyterLab",
        usage="threatkit lab [-h] [--no-browser] [--copy-only] [--update] [DIR] [-- JUPYTER ARGUMENTS]",
        epilog="Notebooks and sample models are copied to DIR where they are missing; your own changes stay.",
    )
    added.add_argument(
        "dir", metavar="DIR", nargs="?", help="default: the checkout of threatkit you are in, else ./threatkit-lab"
    )
    added.add_argument("--no-browser", action="store_true", help="only print the address")
    added.add_argument("--copy-only", action="store_true", help="copy the files and do not start JupyterLab")
    added.add_argument("--update", action="store_true", help="bring new versions; beside a file that you changed")


def _lab(options: argparse.Namespace) -> int:
    folder = lab_folder(options.dir)
    filled, page = fill(folder, options.update), Page()
    page.line(f"{folder}: {filled.in_words() or 'the checkout of threatkit'}")
    for path in filled.beside:
        page.line(f"  new: {path}")
    return 0 if options.copy_only else start(folder, options.jupyter, browser=not options.no_browser)


def lab_folder(given: str | None) -> Path:
    """The folder to open: the one that was named, the checkout of threatkit around here, or ./threatkit-lab."""
    if given is not None:
        return Path(given).expanduser()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if _is_checkout(folder):
            return folder
    return here / "threatkit-lab"


@dataclass
class Filled:
    """What was done to the files of a lab, as counts; `beside` holds the new files that await a person."""

    copied: int = 0  # were missing
    kept: int = 0  # were there and are as they were
    renewed: int = 0  # nobody had changed the old version, so the new one took its place
    beside: list[Path] = field(default_factory=list)

    def in_words(self) -> str:
        """One line for the terminal; empty for a checkout.

        >>> Filled(copied=1, kept=2).in_words()
        '1 file copied, 2 there already and left as they are'
        """
        if not (self.copied or self.kept or self.renewed or self.beside):
            return ""
        words = [number(self.copied, "file") + " copied"]
        words += [f"{self.renewed} brought up to date"] if self.renewed else []
        words += [f"{len(self.beside)} new beside a file that you changed"] if self.beside else []
        return ", ".join([*words, f"{self.kept} there already and left as they are"])


def fill(folder: Path, update: bool = False) -> Filled:
    """Copy what the folder does not have yet; with `update` bring new versions of what it has.

    A file that a person changed is never touched: a new version of it comes beside it, `model.new.yaml`. What was
    changed is known from the digests in `.threatkit-lab.json`, the SHA-256 of each file as it was delivered; a file
    that is not in there counts as changed. A checkout has everything at its own places.
    Raises ModelError where the folder cannot be written.
    """
    if _is_checkout(folder):
        return Filled()
    from threatkit.modelfile import write_atomically

    done, delivered = Filled(), _delivered(folder)
    before = dict(delivered)
    for source, target in _shipped(folder):
        content, name = source.read_bytes(), target.relative_to(folder).as_posix()
        new, old = _digest(content), delivered.get(name)
        if not os.path.lexists(target):
            _make_folder(target.parent)
            write_atomically(target, content)
            done.copied += 1
        elif (there := _digest_of(target)) == new:
            done.kept += 1
        elif not update or old == new:
            done.kept += 1
            continue  # the digest of what was delivered stays, so that a later update still sees it
        elif there is not None and there == old:
            write_atomically(target, content)
            done.renewed += 1
        else:
            place = _free(target, new)
            if not os.path.lexists(place):
                write_atomically(place, content)
                done.beside.append(place)
            done.kept += 1
        delivered[name] = new
    if delivered != before:
        text = json.dumps({"threatkit": __version__, "files": dict(sorted(delivered.items()))}, indent=1)
        write_atomically(folder / MANIFEST, text + "\n")
    return done


def _delivered(folder: Path) -> dict[str, str]:
    """The digests of the manifest; empty where none can be read, and then every file counts as changed."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in said["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _digest_of(path: Path) -> str | None:
    """The digest of a plain file; None for a link, a folder and what cannot be read: those are a person's."""
    try:
        return None if path.is_symlink() or not path.is_file() else _digest(path.read_bytes())
    except OSError:
        return None


def _free(target: Path, new: str) -> Path:
    """`name.new.ipynb` beside the file, or new2, new3 ...: the first that is free or holds that very version."""
    for count in itertools.count(1):
        place = target.with_name(f"{target.stem}.new{count if count > 1 else ''}{target.suffix}")
        if not os.path.lexists(place) or _digest_of(place) == new:
            return place
    raise AssertionError("a count has no end")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"the folder cannot be made: {error.strerror or error}"
        raise ModelError([Problem(str(folder), 0, 0, said)]) from error


def start(folder: Path, arguments: list[str], browser: bool) -> int:
    """Run JupyterLab in the folder until it ends; returns its exit code. Raises NotFoundError."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise NotFoundError("JupyterLab is not installed in this Python; install it with: pip install jupyterlab")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"]
    first = next(iter(sorted((folder / "notebooks").glob("*.ipynb"))), None)
    if first is not None:
        # the file browser beside the notebook shows the top of the folder, with START-HERE.md
        command.append(f"--LabApp.default_url=/lab/tree/notebooks/{quote(first.name)}?file-browser-path=/")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container; the server listens on this machine only and wants its token
    command += arguments
    sys.stdout.flush()
    # Defaults for JupyterLab, below a person's own settings: no question about news, Markdown files are shown as pages.
    settings = [str(data_path("lab")), os.environ.get("JUPYTER_CONFIG_PATH", "")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, settings))
    if os.name == "posix":
        os.execv(command[0], command)  # JupyterLab gets Ctrl-C and every other signal itself
    process = subprocess.Popen(command)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return process.wait()


def _is_checkout(folder: Path) -> bool:
    """Whether a folder is the repository of threatkit itself.

    >>> _is_checkout(Path("/"))
    False
    """
    return all((folder / part).exists() for part in ("threatkit/cli_lab.py", "notebooks", "data/vocabulary.yaml"))


def _shipped(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Each file that belongs into a lab, and its place there."""
    if folder.exists() and not folder.is_dir():
        raise NotFoundError(f"{shown(str(folder), 200)} is a file; give a folder for the lab")
    yield data_path("lab", "START-HERE.md"), folder / "START-HERE.md"
    workshop = notebooks_path().with_name("workshop")  # beside the notebooks, in a checkout as in a wheel
    for origin, place in ((notebooks_path(), "notebooks"), (data_path("models"), "models"), (workshop, "workshop")):
        for source in sorted(origin.rglob("*")):
            inner = source.relative_to(origin)
            if source.is_file() and not _SKIPPED & set(inner.parts):
                yield source, folder / place / inner
