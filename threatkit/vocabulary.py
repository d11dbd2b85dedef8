"""The closed vocabulary: kinds, properties, data classes, controls and the rest, from data/vocabulary.yaml."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from threatkit.errors import VocabularyError, nearest, shown

_HERE = Path(__file__).resolve().parent
_SINGULAR = {"properties": "property", "data_classes": "data_class", "legal_bases": "legal_basis"}


def data_path(*parts: str) -> Path:
    """The path of a file in `data/`: inside an installed package, or at the top of a checkout."""
    inside = _HERE / "data"
    return (inside if inside.is_dir() else _HERE.parent / "data").joinpath(*parts)


def notebooks_path(*parts: str) -> Path:
    """The path of a file in `notebooks/`, found the same way as `data_path`."""
    inside = _HERE / "notebooks"
    return (inside if inside.is_dir() else _HERE.parent / "notebooks").joinpath(*parts)


@cache
def vocabulary() -> dict[str, dict[str, Any]]:
    """The whole of data/vocabulary.yaml: section -> word -> what is said of it.

    >>> vocabulary()["kinds"]["agent"]["shape"]
    'process'
    """
    import yaml

    text = data_path("vocabulary.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@cache
def words(section: str) -> tuple[str, ...]:
    """The words of one section, in file order.

    >>> words("trust_levels")
    ('untrusted', 'vendor', 'semi_trusted', 'trusted')
    """
    return tuple(vocabulary()[section])


@cache
def _index(section: str) -> dict[str, int]:
    return {word: position for position, word in enumerate(words(section))}


def code(section: str, word: str) -> int:
    """The position of a word in its section; used as its number in the columns of facts."""
    return _index(section)[word]


def check_word(section: str, word: object) -> str:
    """Return `word` if `section` has it, else raise VocabularyError with the nearest valid word."""
    if isinstance(word, str) and word in _index(section):
        return word
    noun = _SINGULAR.get(section, section.removesuffix("s")).replace("_", " ")
    raise VocabularyError(f"unknown {noun} {shown(word)}{nearest(word, words(section))}")


def meaning(section: str, word: str) -> str:
    """What a word means, in one sentence.

    >>> meaning("kinds", "tool")
    'A function that a model may call.'
    """
    entry = vocabulary()[section][word]
    if isinstance(entry, str) or "means" in entry:
        return entry if isinstance(entry, str) else entry["means"]
    encrypted = {True: "Encrypts the transport.", False: "Does not encrypt the transport."}
    return encrypted.get(entry.get("encrypted"), "Says nothing about encryption.")


@cache
def shape_of(kind: str) -> str:
    """The DFD shape of a kind: `external`, `process` or `store`."""
    return vocabulary()["kinds"][kind]["shape"]


@cache
def effects() -> tuple[str, ...]:
    """The properties that let an element change something: each has an `effect` from 1 to 5."""
    return tuple(word for word, entry in vocabulary()["properties"].items() if "effect" in entry)


@cache
def sensitive_classes() -> tuple[str, ...]:
    """The data classes whose leak does harm: weight 3 and more."""
    return tuple(word for word, entry in vocabulary()["data_classes"].items() if entry["weight"] >= 3)


@cache
def personal_classes() -> tuple[str, ...]:
    """The data classes that are personal data."""
    return tuple(word for word, entry in vocabulary()["data_classes"].items() if entry.get("personal"))


def heaviest(classes: Iterable[str]) -> str | None:
    """The data class with the greatest weight, ties broken by file order; None for no classes."""
    weights = vocabulary()["data_classes"]
    return max(sorted(classes, key=lambda c: code("data_classes", c)), key=lambda c: weights[c]["weight"], default=None)
