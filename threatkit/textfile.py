"""Write text files so that nobody's work is lost: in place, atomically, never over what somebody else changed.

Model and decisions files are saved by the same `save_document`: it reads what is on the disk, refuses to write over a
version that it does not know, lets the caller compose the new text, and swaps the file in one step.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from threatkit.errors import ModelError, Problem, SaveConflictError
from threatkit.yamltext import Document, read_text


def save_document(
    target: Path,
    known: tuple[Path, str] | None,
    compose: Callable[[str | None], Document],
    *,
    overwrite: bool = False,
    instead: str = "",
) -> Document:
    """Write the document that `compose` makes from the text on the disk (None: there is none), and return it.

    `known` is the file that the caller read or wrote last, with its digest. A file that changed since, or that is
    another one, is left alone unless `overwrite` is true; `instead` says what else the person can do. The version
    before stays as `NAME.bak`. Raises SaveConflictError, ModelError.
    """
    previous = None
    if target.exists():
        previous, fault = read_text(target)
        ours = known is not None and same_file(known[0], target)
        if fault and not overwrite:
            raise ModelError([fault])
        if not overwrite and (not ours or digest(previous) != known[1]):
            why = "changed on disk since it was read" if ours else "exists already"
            said = f"the file {why}; nothing was written. {instead}, or save with overwrite=True"
            raise SaveConflictError([Problem(str(target), 0, 0, said)])
        previous = None if fault else previous
    document = compose(previous)
    if document.text != previous:
        write_atomically(target, document.text, backup=target.exists())
    return document


def write_atomically(target: Path, text: str | bytes, *, backup: bool = False) -> None:
    """Write a file so that at every moment either the old or the new content is there, never half of one.

    Raises ModelError with the system's own words when the disk is full or the folder cannot be written.
    """
    content = text.encode("utf-8") if isinstance(text, str) else text
    target = target.resolve() if target.is_symlink() else target
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name[:40]}.", suffix=".tmp", dir=target.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        if backup and target.is_file():
            _keep_backup(target)
        os.replace(temporary, target)
        temporary = None
        _sync_folder(target.parent)
    except OSError as error:
        said = error.strerror or str(error)
        raise ModelError(
            [Problem(str(target), 0, 0, f"could not be written: {said}; the old file is untouched")]
        ) from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file."""
    try:
        return os.path.samefile(first, second)
    except OSError:
        return first.absolute() == second.absolute()


def digest(text: str) -> str:
    """A short stand-in for a text: equal for equal texts."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _keep_backup(target: Path) -> None:
    kept = target.with_name(target.name + ".bak")
    handle, temporary = tempfile.mkstemp(prefix=f".{kept.name[:40]}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(target.read_bytes())
            out.flush()
            os.fsync(out.fileno())
        os.chmod(temporary, target.stat().st_mode & 0o777)
        os.replace(temporary, kept)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _sync_folder(folder: Path) -> None:
    if hasattr(os, "O_DIRECTORY"):
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
