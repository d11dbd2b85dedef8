"""Drafts of a walk: half-filled forms, kept in NAME.walk-draft.json beside the decisions until they are saved there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from threatkit.decisionfile import SUFFIX
from threatkit.errors import ModelError
from threatkit.modelfile import write_atomically

_FORMAT = "threatkit_walk_drafts"
Entry = dict[str, Any]


class Drafts:
    """Half-filled forms by key, such as the id of a finding. Each change is written at once; without a path nowhere.

    A file that cannot be read stays as NAME.walk-draft.json.bak when the next draft is written.
    """

    def __init__(self, decisions: Path | None):
        self.path = (
            None if decisions is None else decisions.with_name(decisions.name.removesuffix(SUFFIX) + ".walk-draft.json")
        )
        self._entries = self._read() or {}

    def get(self, key: str) -> Entry:
        """The draft with this key; empty where there is none."""
        return dict(self._entries.get(key, {}))

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def put(self, key: str, entry: Entry) -> None:
        """Keep a draft; an empty one goes. Raises ModelError where the file cannot be written."""
        if entry == self._entries.get(key, {}):
            return
        there = self._read()
        self._entries = there if there is not None else self._entries  # another window may have written its own
        self._entries = {name: said for name, said in self._entries.items() if name != key}
        if entry:
            self._entries[key] = entry
        self._write(damaged=there is None)

    def drop(self, key: str) -> None:
        """Forget a draft."""
        self.put(key, {})

    def _read(self) -> dict[str, Entry] | None:
        """What the file says; None where it says nothing that can be read."""
        if self.path is None:
            return getattr(self, "_entries", {})
        try:
            entries = json.loads(self.path.read_text(encoding="utf-8"))[_FORMAT]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        if not isinstance(entries, dict):
            return None
        return {key: said for key, said in entries.items() if isinstance(said, dict)}

    def _write(self, damaged: bool) -> None:
        if self.path is None:
            return
        if not self._entries and not damaged:
            try:
                self.path.unlink(missing_ok=True)
            except OSError as error:
                raise ModelError(f"{self.path}: cannot be removed: {error.strerror}") from None
            return
        text = json.dumps({_FORMAT: self._entries}, indent=1, ensure_ascii=True) + "\n"
        write_atomically(self.path, text, backup=damaged and self.path.exists())
