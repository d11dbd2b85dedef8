"""Real files of other tools, where the folder with them is present."""

from __future__ import annotations

import os
from pathlib import Path

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "samples"
OWN = Path(__file__).with_name("files")


def files(kind: str) -> list[Path]:
    """The files of one kind in the folder of samples; none where there is no folder."""
    folder = Path(os.environ.get("THREATKIT_SAMPLES") or _BESIDE) / kind
    return sorted(path for path in folder.glob("*") if path.is_file()) if folder.is_dir() else []


def names(paths: list[Path]) -> list[str]:
    """Short ids for parametrized tests."""
    return [path.name[-60:] for path in paths]
