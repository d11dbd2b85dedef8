"""Broken model files: what stands in them, and what the error must say and point at.

`CASES` holds (name, content, fragment, place, schema): text, bytes or a function that makes the file;
a piece of the message; line and column of the first fault, or None where there is no place; and whether
the JSON Schema must refuse the file too. Used for `load` and for the command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    name: str
    content: str | bytes | Callable[[Path], None]
    fragment: str
    place: tuple[int, int] | None
    schema: bool = False


HEAD = "threatkit: 1\nname: A\n"  # the faults below start in line 3
TWO = HEAD + "elements:\n  a: {kind: agent}\n  b: {kind: llm}\n"  # and here in line 6


def element(attributes: str) -> str:
    return HEAD + f"elements:\n  a: {{kind: agent, {attributes}}}\n"  # attributes start at 4:20


def flow(attributes: str) -> str:
    return TWO + f"flows:\n  - {{id: f, from: a, to: b, {attributes}}}\n"  # attributes start at 7:29


def cycle(*names: str) -> str:
    following = [*names[1:], names[0]]
    lines = [f"  {name}: {{inside: {outer}}}" for name, outer in zip(names, following, strict=True)]
    return HEAD + "boundaries:\n" + "\n".join(lines) + "\n"


def laughs(levels: int, width: int = 9) -> str:
    lines = ["l0: &l0 [" + ", ".join(["lol"] * width) + "]"]
    lines += [f"l{n}: &l{n} [" + ", ".join([f"*l{n - 1}"] * width) + "]" for n in range(1, levels)]
    return "\n".join(lines) + "\n"


def staircase(levels: int) -> str:
    return "".join(" " * level + f"k{level}:\n" for level in range(levels))


def sparse(path: Path) -> None:
    with path.open("wb") as out:
        out.truncate(50_000_000)


def full(path: Path) -> None:
    with path.open("wb") as out:
        for _ in range(50):
            out.write(b"# padding\n" * 100_000)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def missing(path: Path) -> None:
    pass


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def dangling(path: Path) -> None:
    path.symlink_to("nowhere.yaml")


CASES = [
    # -- not a file that can be read
    Case("a missing file", missing, "no such file", None),
    Case("a directory", Path.mkdir, "this is a directory", None),
    Case("a pipe", fifo, "not a regular file", None),
    Case("a link to itself", loop, "cannot be read", None),
    Case("a link to nothing", dangling, "no such file", None),
    Case("a sparse file of 50 MB", sparse, "larger than 40 MB", None),
    Case("50 MB of comments", full, "larger than 40 MB", None),
    # -- not text
    Case("Latin-1", "threatkit: 1\nname: Café\n".encode("latin-1"), "not UTF-8 text (byte 0xe9)", (2, 10)),
    Case("a cut UTF-8 character", b"threatkit: 1\nname: \xe2\x82", "not UTF-8 text", (2, 7)),
    Case("UTF-16", "threatkit: 1\nname: A\n".encode("utf-16"), "UTF-16", (1, 1)),
    Case("UTF-16 without a mark", "threatkit: 1\n".encode("utf-16-le"), "U+0000 is not allowed", (1, 2)),
    Case("UTF-32", "threatkit: 1\n".encode("utf-32-be"), "", (1, 1)),
    Case("a NUL byte", HEAD + "description: a\0b\n", "U+0000 is not allowed", (3, 15)),
    Case("only NUL bytes", b"\0" * 1000, "U+0000 is not allowed", (1, 1)),
    Case("an escape character", HEAD + "description: \x1b[31mred\n", "U+001B is not allowed", (3, 14)),
    Case("a control character after Umlauts", HEAD + "description: ÄÖÜ\x07\n", "U+0007 is not allowed", (3, 17)),
    Case("a line separator", HEAD + "description: a\u2028b: c\n", "U+2028 is not allowed", (3, 15)),
    Case("a mark in the middle", HEAD + "\ufeffdescription: a\n", "U+FEFF is not allowed", (3, 1)),
    Case("random bytes", bytes(range(128, 256)), "not UTF-8", (1, 1)),
    Case("a PNG", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not UTF-8", (1, 1)),
    # -- nothing in it
    Case("an empty file", "", "the file is empty", None),
    Case("only comments", "# a model\n# to be written\n", "the file is empty", None),
    Case("only blank lines", "\n\n   \n", "the file is empty", None),
    Case("only a mark", b"\xef\xbb\xbf", "the file is empty", None),
    Case("only null", "~\n", "the file is empty", (1, 1)),
    Case("only a word", "hello\n", 'found "hello"', (1, 1), True),
    Case("only a number", "42\n", "found 42", (1, 1), True),
    Case("a list", "- threatkit: 1\n", "expected keys and values", (1, 1), True),
    # -- not YAML
    Case("a bracket left open", HEAD + "elements: {a: {kind: agent}\n", "flow mapping", (4, 1)),
    Case("a quote left open", HEAD + 'description: "never closed\n', "quoted scalar", (4, 1)),
    Case("a tab for indentation", HEAD + "elements:\n\ta: {kind: agent}\n", "cannot start any token", (4, 1)),
    Case("two colons", "threatkit: 1: 2\n", "mapping values are not allowed", (1, 13)),
    Case("an at sign", HEAD + "description: @home\n", "cannot start any token", (3, 14)),
    Case("wrong indentation", HEAD + "elements:\n  a: {kind: agent}\n b: {kind: llm}\n", "block", (5, 2)),
    Case("two documents", HEAD + "---\nname: B\n", "a second document starts here", (3, 1)),
    Case("a second empty document", HEAD + "---\n", "a second document starts here", (3, 1)),
    Case("a list as a key", HEAD + "? [a, b]\n: c\n", "a key must be a word", (3, 3)),
    Case("a mapping as a key", HEAD + "{a: b}: c\n", "a key must be a word", (3, 1)),
    Case("a YAML 3 directive", "%YAML 3.0\n---\nthreatkit: 1\n", "incompatible YAML document", (1, 1)),
    Case("an unknown escape", HEAD + 'description: "\\q"\n', "unknown escape", (3, 15)),
    Case("JSON cut short", '{"threatkit": 1, "name": "A", "elements": {', "flow node", (1, 44)),
    Case("Python code", "import threatkit\nthreatkit.load('x')\n", "expected keys and values", (1, 1)),
    # -- deep and endless
    Case("100,000 open brackets", "[" * 100_000, "nested deeper than 40", (1, 41)),
    Case("100,000 open braces", "{a: " * 100_000, "nested deeper than 40", (1, 161)),
    Case("100,000 brackets closed", "[" * 100_000 + "]" * 100_000, "nested deeper than 40", (1, 41)),
    Case("brackets below a section", HEAD + "elements: " + "[" * 100_000, "nested deeper than 40", (3, 50)),
    Case("500,000 dashes", "- " * 500_000 + "a\n", "nested deeper than 40", (1, 81)),
    Case("500,000 question marks", "? " * 500_000 + "a\n", "a key must be a word", (1, 3)),
    Case("a staircase of keys", staircase(2_000), "nested deeper than 40", (41, 41)),
    Case("dashes, a step a line", "".join(" " * n + "-\n" for n in range(2_000)), "nested deeper than 40", (41, 41)),
    Case("a billion laughs", HEAD + laughs(12), "repeats too much", (6, 10)),
    Case("laughs in an attribute", HEAD + laughs(10) + "elements: {a: {kind: *l9}}\n", "repeats too much", (6, 10)),
    Case("aliases in a long file", "# padding\n" * 50_000 + HEAD + laughs(12), "repeats too much", (50_008, 40)),
    Case("an anchor in itself", HEAD + "elements: &e {a: *e}\n", "inside its own anchor", (3, 18)),
    Case("an alias of nothing", HEAD + "description: *text\n", 'alias "*text" has no anchor', (3, 14)),
    Case("aliases stacked deep", HEAD + "x0: &x0 [[[[[[[[a]]]]]]]]\n"
         + "".join(f"x{n}: &x{n} [[[[[[[[*x{n - 1}]]]]]]]]\n" for n in range(1, 9)), "nested deeper", (7, 17)),
    Case("a merge key", HEAD + "data:\n  a: &a {personal: true}\n  b: {<<: *a}\n", 'unknown key "<<"', (5, 7), True),
    # -- tags
    Case("a Python call", HEAD + 'description: !!python/object/apply:os.system ["touch pwned"]\n', "tag", (3, 14)),
    Case("a Python name", HEAD + "description: !!python/name:os.system\n", "tag", (3, 14)),
    Case("a Python object", "!!python/object:threatkit.model.System {}\n", 'the tag "!!python/object:thr', (1, 1)),
    Case("a text tag", "threatkit: 1\nname: !!str 5\n", "tag", (2, 7)),
    Case("a tag of its own", HEAD + "elements:\n  a: !agent {}\n", 'the tag "!agent" is not allowed', (4, 6)),
    # -- the top of the file
    Case("no version", "name: A\n", 'expected "threatkit: 1"', (1, 1), True),
    Case("version 2", "threatkit: 2\nname: A\n", "found 2", (1, 12), True),
    Case("version true", "threatkit: true\nname: A\n", "found true", (1, 12), True),
    Case("version as text", 'threatkit: "1"\nname: A\n', 'found "1"', (1, 12), True),
    Case("version of nothing", "threatkit:\nname: A\n", "found nothing", (1, 11), True),
    Case("version as list", "threatkit: [1]\nname: A\n", "found [1]", (1, 12), True),
    Case("no name", "threatkit: 1\n", 'needs a "name"', (1, 1), True),
    Case("an empty name", 'threatkit: 1\nname: ""\n', 'needs a "name"', (2, 7), True),
    Case("a blank name", 'threatkit: 1\nname: "  "\n', 'needs a "name"', (2, 7), True),
    Case("a number as name", "threatkit: 1\nname: 42\n", "found 42", (2, 7), True),
    Case("a float as name", "threatkit: 1\nname: 1e3\n", "found 1000.0", (2, 7), True),
    Case("true as name", "threatkit: 1\nname: true\n", "found true", (2, 7), True),
    Case("a list as name", "threatkit: 1\nname: [A]\n", "as a text, found ['A']", (2, 7), True),
    Case("a huge number as name", "threatkit: 1\nname: " + "9" * 5_000 + "\n", "found inf", (2, 7), True),
    Case("a long number as name", "threatkit: 1\nname: " + "9" * 3_000 + "\n", "found 999", (2, 7), True),
    Case("a description as list", HEAD + "description: [a]\n", "description: expected a text", (3, 14), True),
    Case("an unknown key", HEAD + "element: {}\n", 'unknown key "element"; did you mean "elements"?', (3, 1), True),
    Case("a key in capitals", HEAD + "Flows: []\n", 'did you mean "flows"?', (3, 1), True),
    Case("a key far from all", HEAD + "zzz: 1\n", 'unknown key "zzz"', (3, 1), True),
    Case("a key twice", HEAD + "name: B\n", '"name" stands here a second time', (3, 1)),
    Case("a section twice", TWO + "elements: {}\n", '"elements" stands here a second time', (6, 1)),
    Case("elements as list", HEAD + "elements: [a]\n", "elements: expected ids", (3, 11), True),
    Case("elements as text", HEAD + "elements: many\n", 'found "many"', (3, 11), True),
    Case("data as list", HEAD + "data: []\n", "data: expected ids", (3, 7), True),
    Case("boundaries as number", HEAD + "boundaries: 3\n", "boundaries: expected ids", (3, 13), True),
    Case("flows as mapping", HEAD + "flows: {f: {}}\n", "flows: expected a list", (3, 8), True),
    Case("flows as text", HEAD + "flows: f\n", "flows: expected a list", (3, 8), True),
    Case("assumptions as text", HEAD + "assumptions: none\n", "assumptions: expected a list", (3, 14), True),
    # -- elements
    Case("an element as a word", HEAD + "elements:\n  a: agent\n", "elements.a: expected keys", (4, 6), True),
    Case("an element as a list", HEAD + "elements:\n  a: [agent]\n", "elements.a: expected keys", (4, 6), True),
    Case("an element of nothing", HEAD + "elements:\n  a:\n", '"kind" is missing', (4, 5), True),
    Case("no kind", HEAD + "elements:\n  a: {name: A}\n", '"kind" is missing', (4, 6), True),
    Case("a misspelt kind", HEAD + "elements:\n  a: {kind: agnet}\n", 'unknown kind "agnet"; did you mean "agent"?',
         (4, 13), True),
    Case("a kind in capitals", HEAD + "elements:\n  a: {kind: LLM}\n", 'did you mean "llm"?', (4, 13), True),
    Case("a kind far from all", HEAD + "elements:\n  a: {kind: xyzzy}\n", 'unknown kind "xyzzy"', (4, 13), True),
    Case("a kind as list", HEAD + "elements:\n  a: {kind: [agent]}\n", "unknown kind ['agent']", (4, 13), True),
    Case("a kind of nothing", HEAD + "elements:\n  a: {kind: }\n", "unknown kind nothing", (4, 13), True),
    Case("an unknown attribute", element("property: [shell]"), 'did you mean "properties"?', (4, 20), True),
    Case("an id inside", element("id: b"), "the id is the key itself", (4, 20), True),
    Case("a kind twice", element("kind: llm"), '"kind" stands here a second time', (4, 20)),
    Case("an id twice", TWO + "  a: {kind: tool}\n", '"a" stands here a second time', (6, 3)),
    Case("an id with a blank", HEAD + "elements:\n  my bot: {kind: agent}\n", '"my bot" is not an id', (4, 3), True),
    Case("an id of 65 letters", HEAD + f"elements:\n  {'x' * 65}: {{kind: agent}}\n", "is not an id", (4, 3), True),
    Case("an empty id", HEAD + 'elements:\n  "": {kind: agent}\n', "is not an id", (4, 3), True),
    Case("an id that starts with a dot", HEAD + "elements:\n  .a: {kind: agent}\n", "is not an id", (4, 3), True),
    Case("an id with a newline", HEAD + 'elements:\n  "a\\n": {kind: agent}\n', "is not an id", (4, 3)),
    Case("an id with an escape", HEAD + 'elements:\n  "\\e[31m": {kind: agent}\n', "\\x1b[31m", (4, 3), True),
    Case("a date as id of an element", HEAD + "elements:\n  2026/11/01: {kind: agent}\n", "not an id", (4, 3), True),
    Case("a number as element name", element("name: 2026"), "expected a text (put it in quotes), found 2026", (4, 26),
         True),
    Case("true as element name", element("name: true"), "(put it in quotes), found true", (4, 26), True),
    Case("an infinite name", element("name: -.inf"), "found -inf", (4, 26), True),
    Case("a hexadecimal name", element("name: 0xFF"), "found 255", (4, 26), True),
    Case("a description as mapping", element("description: {a: b}"), "expected a text", (4, 33), True),
    Case("a boundary that is not there", element("in: cloud"), 'there is no boundary "cloud"', (4, 24)),
    Case("a misspelt boundary", HEAD + "boundaries: {cloud: {}}\nelements:\n  a: {kind: agent, in: cluod}\n",
         'there is no boundary "cluod"; did you mean "cloud"?', (5, 24)),
    Case("a boundary by its Python name", element("boundary: x"), 'unknown key "boundary"', (4, 20), True),
    Case("a boundary as list", element("in: [x]"), "expected a text", (4, 24), True),
    Case("a boundary as number", element("in: 7"), "put it in quotes", (4, 24), True),
    Case("a misspelt property", element("properties: [code_exce]"), 'did you mean "code_exec"?', (4, 33), True),
    Case("a misspelt second property", element("properties: [shell, autonomus]"), 'did you mean "autonomous"?',
         (4, 40), True),
    Case("a single misspelt property", element("properties: shel"), 'did you mean "shell"?', (4, 32), True),
    Case("properties as mapping", element("properties: {shell: true}"), "expected a list", (4, 32), True),
    Case("properties as number", element("properties: 5"), "expected a list", (4, 32), True),
    Case("a property of nothing", element("properties: [~]"), "unknown property nothing", (4, 33), True),
    Case("a misspelt control", element("controls: [rate_limt]"), 'did you mean "rate_limit"?', (4, 31), True),
    Case("a control that is a property", element("controls: [shell]"), 'unknown control "shell"', (4, 31), True),
    Case("controls as true", element("controls: true"), "expected a list", (4, 30), True),
    Case("a list in a list", element("controls: [[tls]]"), "unknown control ['tls']", (4, 31), True),
    Case("a misspelt word after without", element("without: [sandboxed_exec]"), 'did you mean "sandboxed_execution"?',
         (4, 30), True),
    Case("a misspelt property after without", element("without: [multitenant]"), 'did you mean "multi_tenant"?',
         (4, 30), True),
    Case("there and not there", element("controls: [tls], without: [tls]"), "there and not to be there", (4, 46)),
    Case("a property there and not there", element("properties: [shell], without: [tls, shell]"),
         '"shell" is said to be there', (4, 50)),
    Case("holds what is not there", element("holds: [chat]"), 'no data asset or data class "chat"', (4, 27)),
    Case("holds a misspelt class", element("holds: [credential]"), 'did you mean "credentials"?', (4, 27)),
    Case("holds a number", element("holds: [1]"), "put it in quotes", (4, 28), True),
    Case("holds a mapping", element("holds: {a: b}"), "expected a list", (4, 27), True),
    Case("complete of everything", element("complete: [all]"), "'controls' or 'properties'", (4, 31), True),
    Case("complete as true", element("complete: true"), "expected a list", (4, 30), True),
    Case("a flow's attribute on an element", element("protocol: https"), 'unknown key "protocol"', (4, 20), True),
    # -- data and boundaries
    Case("an unknown classification", HEAD + "data:\n  d: {classification: publik}\n",
         'unknown classification "publik"; did you mean "public"?', (4, 23), True),
    Case("personal perhaps", HEAD + "data:\n  d: {personal: perhaps}\n", "true, false or unknown", (4, 17), True),
    Case("personal: yes", HEAD + "data:\n  d: {personal: yes}\n", 'found "yes"', (4, 17), True),
    Case("personal: 1", HEAD + "data:\n  d: {personal: 1}\n", "found 1", (4, 17)),
    Case("an unknown data class", HEAD + "data:\n  d: {classes: [pi]}\n", 'data class "pi"; did you mean "pii"?',
         (4, 17), True),
    Case("data with a weight", HEAD + "data:\n  d: {weight: 3}\n", 'unknown key "weight"', (4, 7), True),
    Case("data as text", HEAD + "data:\n  d: secret\n", "data.d: expected keys", (4, 6), True),
    Case("an unknown trust level", HEAD + "boundaries:\n  b: {trust: untrustd}\n",
         'unknown trust level "untrustd"; did you mean "untrusted"?', (4, 14), True),
    Case("trust as truth", HEAD + "boundaries:\n  b: {trust: true}\n", "unknown trust level true", (4, 14), True),
    Case("inside what is not there", HEAD + "boundaries:\n  b: {inside: vpc}\n", 'no boundary "vpc"', (4, 15)),
    Case("inside a misspelt one", HEAD + "boundaries:\n  vpc: {}\n  b: {inside: vpcc}\n", 'mean "vpc"?', (5, 15)),
    Case("a boundary in itself", cycle("b"), 'boundary "b" lies inside itself', (4, 15)),
    Case("two boundaries in each other", cycle("b", "c"), "lies inside itself", (4, 15)),
    Case("five boundaries in a ring", cycle("b", "c", "d", "e", "f"), "lies inside itself", (4, 15)),
    # -- flows
    Case("a flow as text", TWO + "flows:\n  - a to b\n", "flows.0: expected keys", (7, 5), True),
    Case("a flow of nothing", TWO + "flows:\n  -\n", "found nothing", (7, 4), True),
    Case("a flow without id", TWO + "flows:\n  - {from: a, to: b}\n", '"id" is missing', (7, 5), True),
    Case("a flow without from", TWO + "flows:\n  - {id: f, to: b}\n", '"from" is missing', (7, 5), True),
    Case("a flow without to", TWO + "flows:\n  - {id: f, from: a}\n", '"to" is missing', (7, 5), True),
    Case("a flow from nowhere", TWO + "flows:\n  - {id: f, from: x, to: b}\n", 'no element "x"', (7, 19)),
    Case("a flow to nowhere", TWO + "flows:\n  - {id: f, from: a, to: x}\n", 'no element "x"', (7, 26)),
    Case("a flow to a flow", TWO + "flows:\n  - {id: f, from: a, to: b}\n  - {id: g, from: a, to: f}\n",
         'no element "f"', (8, 26)),
    Case("a flow from a boundary", TWO + "boundaries: {out: {}}\nflows:\n  - {id: f, from: out, to: b}\n",
         'no element "out"', (8, 19)),
    Case("a flow with a number as id", TWO + "flows:\n  - {id: 1, from: a, to: b}\n", "in quotes", (7, 10), True),
    Case("a flow with a list as id", TWO + "flows:\n  - {id: [f], from: a, to: b}\n", "expected a text", (7, 10), True),
    Case("a flow with a mapping as id", TWO + "flows:\n  - {id: {}, from: a, to: b}\n", "expected a text", (7, 10),
         True),
    Case("a flow id twice", TWO + "flows:\n  - {id: f, from: a, to: b}\n  - {id: f, from: b, to: a}\n",
         'flow "f" exists already', (8, 10)),
    Case("a flow with the id of an element", TWO + "flows:\n  - {id: a, from: a, to: b}\n",
         'flow "a" exists already', (7, 10)),
    Case("a flow from a number", TWO + "flows:\n  - {id: f, from: 1, to: b}\n", "put it in quotes", (7, 19), True),
    Case("an unknown flow kind", flow("kind: cal"), 'unknown flow kind "cal"; did you mean "call"?', (7, 35), True),
    Case("a flow kind of nothing", flow("kind: ~"), "unknown flow kind nothing", (7, 35), True),
    Case("an unknown protocol", flow("protocol: htps"), 'protocol "htps"; did you mean "https"?', (7, 39), True),
    Case("a protocol in capitals", flow("protocol: HTTPS"), 'did you mean "https"?', (7, 39), True),
    Case("an unknown content trust", flow("content: untrust"), 'did you mean "untrusted"?', (7, 38), True),
    Case("encrypted: TLS", flow("encrypted: TLS"), 'true, false or unknown, found "TLS"', (7, 40), True),
    Case("authenticated: no", flow("authenticated: no"), 'found "no"', (7, 44), True),
    Case("carries what is not there", flow("carries: [chatt]"), "no data asset or data class", (7, 38)),
    Case("carries a list", flow("carries: [[pii]]"), "expected a text", (7, 39), True),
    Case("a flow with holds", flow("holds: [pii]"), 'unknown key "holds"', (7, 29), True),
    Case("a flow with properties", flow("properties: [shell]"), 'unknown key "properties"', (7, 29), True),
    Case("a flow complete of properties", flow("complete: [properties]"), "'controls'", (7, 40), True),
    Case("a misspelt flow key", flow("encripted: true"), 'did you mean "encrypted"?', (7, 29), True),
    # -- assumptions
    Case("an assumption as text", HEAD + "assumptions:\n  - all is well\n", "expected keys", (4, 5), True),
    Case("an assumption without text", HEAD + "assumptions:\n  - {about: a}\n", '"text" is missing', (4, 5), True),
    Case("an assumption as number", HEAD + "assumptions:\n  - {text: 5}\n", "put it in quotes", (4, 12), True),
    Case("about nothing known", TWO + "assumptions:\n  - {text: t, about: lmm}\n", 'nothing is called "lmm"', (7, 22)),
    Case("about a list", TWO + "assumptions:\n  - {text: t, about: [a]}\n", "expected a text", (7, 22), True),
    Case("an impossible date", HEAD + "assumptions:\n  - {text: t, reviewed: 2026-02-30}\n", "a date such as", (4, 25)),
    Case("a date in words", HEAD + "assumptions:\n  - {text: t, reviewed: yesterday}\n", 'found "yesterday"', (4, 25),
         True),
    Case("a number as date", HEAD + "assumptions:\n  - {text: t, reviewed: 86400}\n", "found 86400", (4, 25), True),
    Case("a quoted number as date", HEAD + 'assumptions:\n  - {text: t, reviewed: "86400"}\n', 'found "86400"', (4, 25),
         True),
    Case("a date with a time", HEAD + "assumptions:\n  - {text: t, reviewed: 2026-11-01T00:00:00}\n",
         "a date such as", (4, 25), True),
    # -- line ends, and faults far down
    Case("CRLF", (HEAD + "elements:\n  a: {kind: agnet}\n").replace("\n", "\r\n"), "agnet", (4, 13), True),
    Case("old Mac line ends", (HEAD + "elements:\n  a: {kind: agnet}\n").replace("\n", "\r"), "agnet", (4, 13), True),
    Case("a mark and a fault", "\ufeffthreatkit: 2\nname: A\n", "found 2", (1, 12), True),
    Case("a fault after emoji", HEAD + 'elements: {a: {name: "🙂🙂", kind: agnet}}\n', "agnet", (3, 34), True),
    Case("block style", HEAD + "elements:\n  a:\n    name: A\n    kind: agnet\n", "agnet", (6, 11), True),
    Case("JSON with a fault", '{"threatkit": 1,\n\t"name": "A",\n\t"flow": []}\n', 'mean "flows"?', (3, 2), True),
    Case("a fault far down", TWO + "# padding\n" * 20_000 + "flow: []\n", 'did you mean "flows"?', (20_006, 1), True),
]  # fmt: skip


def write_case(case: Case, folder: Path) -> Path:
    """Make the file of a case in a folder and return its path."""
    path = folder / "model.yaml"
    if callable(case.content):
        case.content(path)
    else:
        path.write_bytes(case.content if isinstance(case.content, bytes) else case.content.encode("utf-8"))
    return path
