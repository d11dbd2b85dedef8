"""A model file as it was at a revision of its git repository. Nothing of the repository is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from threatkit.errors import NotFoundError, shown
from threatkit.model import System
from threatkit.modelfile import loads

_SECONDS = 30


def at_revision(path: str | os.PathLike, revision: str) -> System:
    """The model of a file as it was at a revision, such as HEAD~1 or v1.0.

    Only plumbing commands that run no hook, filter, pager or network. NotFoundError without git, repository, revision
    or file; ModelError where the file was no valid model then.
    """
    path = Path(path).absolute()
    if not path.parent.is_dir():
        raise NotFoundError(f"no folder {shown(str(path.parent))}")
    commit = _git(path.parent, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if commit is None:
        inside = _git(path.parent, "rev-parse", "--git-dir")
        if inside is None:
            raise NotFoundError(f"{shown(str(path.parent))} is not in a git repository that can be read")
        raise NotFoundError(f"no revision {shown(revision)} in the git repository of {shown(path.name)}")
    text = _git(path.parent, "cat-file", "blob", f"{commit.decode().strip()}:./{path.name}")
    if text is None:
        raise NotFoundError(f"{shown(path.name)} is not in revision {shown(revision)}; was it renamed since?")
    return loads(text.decode("utf-8", "replace"), f"{path.name}@{revision}")


def _git(folder: Path, *arguments: str) -> bytes | None:
    """The output of a git command; None where it failed."""
    calm = ["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-pager"]
    quiet = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": ""}
    command = ["git", *calm, "-C", str(folder), *arguments]
    try:
        done = subprocess.run(
            command, env={**os.environ, **quiet}, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except FileNotFoundError:
        raise NotFoundError("git was not found: install it, or give the old model as a file") from None
    except subprocess.TimeoutExpired:
        raise NotFoundError(f"git did not answer within {_SECONDS} seconds") from None
    return done.stdout if done.returncode == 0 else None
