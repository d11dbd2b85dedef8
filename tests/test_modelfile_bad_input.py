"""Every broken model file gives a ModelError that says what is wrong and where, and is left as it was."""

import os
import threading

import pytest
from broken_models import CASES, HEAD, TWO, sparse, write_case

from threatkit.errors import ModelError
from threatkit.modelfile import MAX_PROBLEMS, load, loads


def refused(path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load(path)
    assert type(caught.value) is ModelError
    return caught.value


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_file_is_refused_with_its_place_and_left_alone(case, tmp_path):
    path = write_case(case, tmp_path)
    before = path.read_bytes() if path.is_file() else None
    error = refused(path)
    first = error.problems[0]
    assert (first.line, first.column) == (case.place or (0, 0))
    assert any(case.fragment in problem.message for problem in error.problems)
    assert all(problem.file == str(path) for problem in error.problems)
    place = f":{case.place[0]}:{case.place[1]}" if case.place else ""
    assert str(error).startswith(f"{path}{place}: ")
    assert all(line.isprintable() for line in str(error).split("\n"))
    assert len(str(error)) < 3_000
    assert (path.read_bytes() if path.is_file() else None) == before
    assert len(os.listdir(tmp_path)) <= 1


def test_the_table_has_many_cases_with_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES) >= 75


def test_ten_faults_give_ten_problems_in_file_order():
    text = """threatkit: 1
name: 5
colour: red
data:
  chat: {classification: secret}
  chat: {}
boundaries:
  one: {trust: total, inside: two}
elements:
  bot: {kind: agnet, controls: [rate_limt]}
  llm: {kind: llm, in: nowhere}
flows:
  - {id: ask, from: bot, to: lmm}
  - {id: llm, from: bot, to: llm}
"""
    with pytest.raises(ModelError) as caught:
        loads(text, "m.yaml")
    lines = [(problem.line, problem.column) for problem in caught.value.problems]
    assert lines == [(2, 7), (3, 1), (5, 26), (6, 3), (8, 16), (10, 15), (10, 33), (11, 24), (13, 30), (14, 10)]


def test_what_refers_to_a_broken_part_is_not_reported_as_well():
    text = HEAD + (
        "data: {d: {personal: 5}}\nboundaries: {o: {trust: x}}\n"
        "elements:\n  a: {kind: x}\n  b: {kind: llm, in: o, holds: [d]}\n"
        "flows:\n  - {id: f, from: a, to: b, kind: x}\nassumptions:\n  - {text: t, about: f}\n"
    )
    with pytest.raises(ModelError) as caught:
        loads(text)
    assert [problem.line for problem in caught.value.problems] == [3, 4, 6, 9]


def test_a_boundary_that_only_leads_into_a_ring_is_not_blamed():
    with pytest.raises(ModelError) as caught:
        loads(HEAD + "boundaries:\n  out: {inside: a}\n  a: {inside: b}\n  b: {inside: a}\n")
    assert [problem.line for problem in caught.value.problems] == [5, 6]


def test_thousands_of_faults_are_cut_short():
    text = TWO + "flows:\n" + "".join(f"  - {{id: f{n}, from: a, to: nowhere{n}}}\n" for n in range(5_000))
    with pytest.raises(ModelError) as caught:
        loads(text)
    assert len(caught.value.problems) == MAX_PROBLEMS + 1
    assert caught.value.problems[-1].message == "more faults from here on"


def test_a_long_chain_of_boundaries_is_no_slow_path():
    lines = "".join(f"  b{n}: {{inside: b{n - 1}}}\n" for n in range(1, 20_000))
    assert len(loads(HEAD + "boundaries:\n  b0:\n" + lines).boundaries) == 20_000


def test_too_many_values_are_refused_before_they_fill_the_memory(monkeypatch):
    monkeypatch.setattr("threatkit.yamltext.MAX_VALUES", 1_000)
    with pytest.raises(ModelError, match=":3:2000: too many values"):
        loads(HEAD + "data: [" + "a," * 2_000 + "]\n")


def test_a_file_over_the_limit_is_not_read_into_memory(tmp_path):
    import tracemalloc

    path = tmp_path / "big.yaml"
    sparse(path)
    tracemalloc.start()
    try:
        refused(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_deep_files_are_refused_on_a_small_stack_too():
    found = []

    def work():
        for text in ("[" * 100_000, "- " * 100_000, "".join(" " * n + "-\n" for n in range(1_000))):
            with pytest.raises(ModelError) as caught:
                loads(text)
            found.append(caught.value.problems[0].message)

    old = threading.stack_size(256 * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(old)
    assert found == ["nested deeper than 40 levels"] * 3


def test_a_tag_constructs_nothing(tmp_path):
    for tag in ("object/apply:os.system", "object/new:os.system", "object/apply:subprocess.check_call"):
        with pytest.raises(ModelError):
            loads(HEAD + f'description: !!python/{tag} ["touch {tmp_path}/pwned"]\n')
    assert not os.listdir(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_file_without_permission_is_refused(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text(TWO)
    path.chmod(0)
    assert "permission denied" in str(refused(path))


def test_a_read_that_fails_is_told_in_the_systems_words(tmp_path, monkeypatch):
    path = tmp_path / "model.yaml"
    path.write_text(TWO)

    def fail(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", fail)
    assert "permission denied" in str(refused(path))


def test_a_path_with_a_nul_is_refused():
    assert "cannot be read" in str(refused("model\0.yaml"))


@pytest.mark.parametrize(
    "content",
    [
        TWO.encode(),
        b"\xef\xbb\xbf" + TWO.encode(),
        TWO.replace("\n", "\r\n").encode(),
        TWO.replace("\n", "\r").encode(),
        TWO.rstrip("\n").encode(),
        b"---\n" + TWO.encode() + b"...\n",
        b"%YAML 1.2\n---\n" + TWO.encode(),
        b'{"threatkit": 1, "name": "A",\n\t"elements": {"a":{"kind":"agent"},"b": {"kind": "llm"}}}',
        (HEAD + "elements:\n  a: &x {kind: agent}\n  b: {kind: llm, properties: [], controls: , in: ~}\n").encode(),
        (HEAD + "elements: {a: {kind: agent, controls: tls}, b: {kind: llm}}\nflows:\nassumptions: []\n").encode(),
    ],
    ids=[
        "plain",
        "mark",
        "CRLF",
        "CR",
        "no last newline",
        "markers",
        "directive",
        "JSON",
        "anchor and nothing",
        "flow",
    ],
)
def test_an_unusual_but_sound_file_is_read(content, tmp_path):
    path = tmp_path / "model.yaml"
    path.write_bytes(content)
    assert set(load(path).elements) == {"a", "b"}


def test_an_alias_stands_for_the_same_value():
    text = HEAD + "elements:\n  a: &a {kind: agent, controls: &c [tls]}\n  b: *a\n  c: {kind: llm, controls: *c}\n"
    system = loads(text)
    assert system["b"].controls == system["c"].controls == ("tls",)
