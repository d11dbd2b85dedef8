"""`threatkit convert`, as a person or a script uses it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from formats.samples import OWN
from threatkit import Decisions, convert, load
from threatkit.cli import main


def test_it_writes_the_model_its_threats_and_its_positions(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    target = tmp_path / "shop.yaml"
    assert main(["convert", str(OWN / "dragon-v2.json"), "-o", str(target)]) == 0
    found = convert(OWN / "dragon-v2.json")
    assert load(target) == found.system
    assert Decisions.load(target) == found.decisions
    layout = json.loads((tmp_path / "shop.layout.json").read_text("utf-8"))
    assert layout["positions"]["recipes"] == [600, 300]
    said = " ".join(capsys.readouterr().out.split())  # wherever the lines break
    assert "Bakery bot (OWASP Threat Dragon): 5 elements, 4 flows, 3 boundaries, 1 threat" in said
    assert "tied to nothing" in said and "threatkit questions" in said


@pytest.mark.parametrize("name", ["shop.yaml", "shop.decisions.yaml", "shop.layout.json"])
def test_it_writes_over_nothing_unless_told(tmp_path: Path, capsys: pytest.CaptureFixture, name: str) -> None:
    (tmp_path / name).write_text("mine", "utf-8")
    arguments = ["convert", str(OWN / "shop.tm7"), "-o", str(tmp_path / "shop.yaml")]
    assert main(arguments) == 2
    assert "exists already" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text("utf-8") == "mine"
    assert main([*arguments, "--force"]) == 0
    assert (tmp_path / f"{name}.bak").read_text("utf-8") == "mine"
    assert load(tmp_path / "shop.yaml").name == "Door"


def test_it_never_writes_over_what_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    source = shutil.copy(OWN / "shop.otm.yaml", tmp_path / "shop.yaml")
    assert main(["convert", str(source), "-o", str(source), "--force"]) == 2
    assert "the file to read" in capsys.readouterr().err
    assert source.read_bytes() == (OWN / "shop.otm.yaml").read_bytes()


def test_json_is_the_loss_report_with_the_counts_of_the_new_model(capsys: pytest.CaptureFixture) -> None:
    assert main(["convert", str(OWN / "shop.otm.yaml"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [*report] == ["format", "elements", "flows", "boundaries", "threats", "kept", "guessed", "dropped"]
    assert (report["elements"], report["flows"], report["boundaries"], report["threats"]) == (5, 3, 3, 1)
    assert all(set(note) <= {"place", "what", "id"} and note["what"] for note in report["kept"] + report["dropped"])


@pytest.mark.parametrize("content", [b"", b"{", b"<a>", b"\xff\xfe\x00", b"hello"])
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture, content: bytes) -> None:
    (tmp_path / "in").write_bytes(content)
    assert main(["convert", str(tmp_path / "in"), "-o", str(tmp_path / "out.yaml")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("threatkit: ") and said.err.count("\n") == 1 and "internal" not in said.err
    assert not (tmp_path / "out.yaml").exists()


def test_a_name_with_control_characters_reaches_neither_the_terminal_nor_breaks_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    model = json.loads((OWN / "dragon-v2.json").read_text("utf-8"))
    model["summary"]["title"] = "A\x1b[31m\u202e\x00</script>$$"
    model["detail"]["diagrams"][0]["cells"][2]["data"]["name"] = "G\x07\ud800 *x*"
    (tmp_path / "in").write_text(json.dumps(model), "utf-8")
    assert main(["convert", str(tmp_path / "in"), "-o", str(tmp_path / "out.yaml"), "--all"]) == 0
    said = capsys.readouterr().out
    assert "\x1b" not in said and "\u202e" not in said and "\x00" not in said
    assert load(tmp_path / "out.yaml").name == model["summary"]["title"]
