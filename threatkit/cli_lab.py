"""`threatkit lab`: a folder with the course and the sample models, opened in JupyterLab."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from threatkit.errors import ModelError, NotFoundError, Problem, shown

_SKIPPED = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}


def lab_folder(given: str | None) -> Path:
    """The folder to open: the one that was named, the checkout of threatkit around here, or ./threatkit-lab."""
    if given is not None:
        return Path(given).expanduser()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if _is_checkout(folder):
            return folder
    return here / "threatkit-lab"


def fill(folder: Path) -> tuple[int, int]:
    """Copy what the folder does not have yet; returns how many files were copied and how many were there.

    A file that is there is never touched, so a person's work survives an upgrade of threatkit; whoever wants
    the original again moves their copy away. A checkout has everything at its own places.
    """
    if _is_checkout(folder):
        return 0, 0
    from threatkit.modelfile import write_atomically

    copied = kept = 0
    for source, target in _shipped(folder):
        if os.path.lexists(target):
            kept += 1
            continue
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            said = f"the folder cannot be made: {error.strerror or error}"
            raise ModelError([Problem(str(target.parent), 0, 0, said)]) from error
        write_atomically(target, source.read_bytes())
        copied += 1
    return copied, kept


def start(folder: Path, arguments: list[str], browser: bool) -> int:
    """Run JupyterLab in the folder until it ends; returns its exit code. Raises NotFoundError."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise NotFoundError("JupyterLab is not installed in this Python; install it with: pip install jupyterlab")
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder.resolve()}"]
    first = next(iter(sorted((folder / "notebooks").glob("*.ipynb"))), None)
    if first is not None:
        command.append(f"--LabApp.default_url=/lab/tree/notebooks/{quote(first.name)}")
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container; the server listens on this machine only and wants its token
    command += arguments
    sys.stdout.flush()
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
    from threatkit.vocabulary import data_path, notebooks_path

    for origin, place in ((notebooks_path(), "notebooks"), (data_path("models"), "models")):
        if folder.exists() and not folder.is_dir():
            raise NotFoundError(f"{shown(str(folder), 200)} is a file; give a folder for the lab")
        for source in sorted(origin.rglob("*")):
            inner = source.relative_to(origin)
            if source.is_file() and not _SKIPPED & set(inner.parts):
                yield source, folder / place / inner
