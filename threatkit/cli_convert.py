"""The command that brings models in: `threatkit convert`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from threatkit.cli_page import Page, number, print_json
from threatkit.errors import ModelError, Problem, SaveConflictError

if TYPE_CHECKING:
    from threatkit.formats import Imported

LAYOUT_SUFFIX = ".layout.json"
_SHOWN = 12


def add_commands(command: Callable[..., argparse.ArgumentParser]) -> None:
    """Add the commands of this module."""
    added = command(
        "convert",
        _convert,
        "bring in a model of another tool, and say what was kept, guessed and dropped",
        epilog="The format is told by the content of the file. Beside MODEL.yaml its threats go to "
        f"MODEL.decisions.yaml and its positions to MODEL{LAYOUT_SUFFIX}. Without -o nothing is written.",
    )
    added.add_argument("file", metavar="IN", help="a file of another tool, such as Threat Dragon or a .tm7")
    added.add_argument("-o", "--output", metavar="FILE", help="the model file to write, such as model.yaml")
    added.add_argument(
        "--force", action="store_true", help="write over files that exist; the last version stays as .bak"
    )
    added.add_argument("--all", action="store_true", help="show every entry of the loss report")
    added.add_argument("--json", action="store_true", help="print the loss report as JSON")


def layout_path(model: Path) -> Path:
    """The file with the positions of a model: `NAME.layout.json` beside `NAME.yaml`."""
    return model.with_name(model.stem + LAYOUT_SUFFIX)


def _convert(options: argparse.Namespace) -> int:
    from threatkit.formats import convert

    target = Path(options.output) if options.output else None
    if target is not None:
        _check_target(target, Path(options.file), options.force)
    found = convert(options.file)
    written = _write(found, target) if target is not None else []
    if options.json:
        print_json(found.to_dict())
    else:
        _tell(found, options, written)
    return 0


def _check_target(target: Path, source: Path, force: bool) -> None:
    """Refuse to write over the source, and over what exists unless that is wanted, before anything is written."""
    from threatkit.decisionfile import decisions_path

    if target.suffix.lower() not in (".yaml", ".yml"):
        raise ModelError([Problem(str(target), 0, 0, "a model file ends in .yaml")])
    files = (target, decisions_path(target), layout_path(target))
    for path in files:
        if path.exists() and source.exists() and path.samefile(source):
            raise ModelError([Problem(str(path), 0, 0, "this is the file to read; give another name to write to")])
    there = [path for path in files if path.exists() or path.is_symlink()]
    if there and not force:
        said = "exists already; nothing was written. Give another name, or --force to write over it"
        raise SaveConflictError(Problem(str(path), 0, 0, said) for path in there)


def _write(found: Imported, target: Path) -> list[str]:
    """Write the model and what goes beside it; what was written, in words."""
    from threatkit.decisionfile import decisions_path
    from threatkit.modelfile import save, write_atomically

    save(found.system, target, overwrite=True)
    written = [f"{target}: the model"]
    if found.decisions.own or found.decisions.decisions:
        path = found.decisions.save(decisions_path(target), overwrite=True)
        written.append(f"{path}: {number(found.decisions.own, 'threat')} of the source")
    elif decisions_path(target).exists():
        written.append(f"{decisions_path(target)}: left as it was, since the source has no threats")
    if found.positions:
        path = layout_path(target)
        places = {id: [round(x, 2), round(y, 2)] for id, (x, y) in found.positions.items()}
        write_atomically(path, json.dumps({"positions": places}, indent=1) + "\n", backup=path.exists())
        written.append(f"{path}: {number(len(places), 'position')}")
    elif layout_path(target).exists():
        written.append(f"{layout_path(target)}: left as it was, since the source has no positions")
    return written


def _tell(found: Imported, options: argparse.Namespace, written: list[str]) -> None:
    page = Page()
    page.line(found.headline, "bold")
    page.line(f"{number(found.kept, 'part')} kept, {len(found.guessed)} guessed, {len(found.dropped)} dropped")
    for head, notes in (("Dropped, not in the new model", found.dropped), ("Guessed, please check", found.guessed)):
        if notes:
            page.line()
            page.line(f"{head}:", "bold")
        for note in notes if options.all else notes[:_SHOWN]:
            page.prose(f"- {note}")
        if len(notes) > _SHOWN and not options.all:
            page.prose(f"… and {len(notes) - _SHOWN} more; --all shows them")
    if options.all:
        page.line()
        page.line("Kept:", "bold")
        for note in found.kept:
            page.prose(f"- {note}")
    if written:
        page.line()
        for line in written:
            page.line(line)
        page.line("Next, what to find out:")
        page.command(f"threatkit questions {options.output}")
    else:
        page.line()
        page.line("Nothing was written. To keep the model:")
        page.command(f"threatkit convert {options.file} -o model.yaml")
