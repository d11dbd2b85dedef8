"""The folder of `threatkit lab`: filled, updated, and never over what a person changed."""

import json
import os
import re
from pathlib import Path

import pytest

from threatkit import cli_lab
from threatkit.cli import main
from threatkit.vocabulary import data_path


@pytest.fixture
def origin(tmp_path, monkeypatch) -> Path:
    """A small stand-in for what the package ships, so that a test can bring out a new version."""
    top = tmp_path / "shipped"
    for name in ("notebooks/00-a.ipynb", "notebooks/exercises/00-a.ipynb", "models/m.yaml", "lab/START-HERE.md"):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(f"{name} 1", encoding="utf-8")
    monkeypatch.setattr(cli_lab, "notebooks_path", lambda *parts: top.joinpath("notebooks", *parts))
    monkeypatch.setattr(cli_lab, "data_path", lambda *parts: top.joinpath(*parts))
    return top


def files(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("[!.]*") if p.is_file()}


def test_an_update_renews_what_nobody_changed_and_puts_the_rest_beside(origin, tmp_path):
    lab = tmp_path / "lab"
    cli_lab.fill(lab)
    (lab / "models/m.yaml").write_text("mine")
    for name in ("models/m.yaml", "notebooks/00-a.ipynb"):
        (origin / name).write_text("version 2")
    done = cli_lab.fill(lab, update=True)
    assert (done.renewed, done.beside) == (1, [lab / "models/m.new.yaml"])
    now = files(lab)
    assert now["models/m.yaml"] == "mine"
    assert now["models/m.new.yaml"] == now["notebooks/00-a.ipynb"] == "version 2"


def test_an_update_says_the_same_thing_only_once(origin, tmp_path):
    lab = tmp_path / "lab"
    cli_lab.fill(lab)
    (lab / "models/m.yaml").write_text("mine")
    assert cli_lab.fill(lab, update=True).beside == []  # nothing new was shipped
    (origin / "models/m.yaml").write_text("version 2")
    assert len(cli_lab.fill(lab, update=True).beside) == 1
    (lab / "models/m.new.yaml").unlink()
    assert cli_lab.fill(lab, update=True).beside == []


def test_a_new_version_that_was_worked_in_stays_too(origin, tmp_path):
    lab = tmp_path / "lab"
    cli_lab.fill(lab)
    (lab / "models/m.yaml").write_text("mine")
    (origin / "models/m.yaml").write_text("version 2")
    cli_lab.fill(lab, update=True)
    (lab / "models/m.new.yaml").write_text("mine too")
    (origin / "models/m.yaml").write_text("version 3")
    cli_lab.fill(lab, update=True)
    now = files(lab)
    assert [now[f"models/m{end}.yaml"] for end in ("", ".new", ".new2")] == ["mine", "mine too", "version 3"]


def test_without_update_a_new_version_waits_until_it_is_asked_for(origin, tmp_path):
    lab = tmp_path / "lab"
    cli_lab.fill(lab)
    before = files(lab)
    (origin / "models/m.yaml").write_text("version 2")
    cli_lab.fill(lab)
    assert files(lab) == before
    assert cli_lab.fill(lab, update=True).renewed == 1


@pytest.mark.parametrize("manifest", [None, "", "[]", '{"files": 3}', "{" * 5000, "[" * 100_000])
def test_without_a_manifest_that_can_be_read_every_file_counts_as_changed(origin, tmp_path, manifest):
    lab = tmp_path / "lab"
    cli_lab.fill(lab)
    (origin / "models/m.yaml").write_text("version 2")
    (lab / cli_lab.MANIFEST).unlink()
    if manifest is not None:
        (lab / cli_lab.MANIFEST).write_text(manifest)
    done = cli_lab.fill(lab, update=True)
    assert done.renewed == 0 and done.beside == [lab / "models/m.new.yaml"]
    assert files(lab)["models/m.yaml"] == "models/m.yaml 1"


@pytest.mark.skipif(os.name == "nt", reason="links need rights on Windows")
def test_a_link_is_a_persons_own_and_is_not_written_through(origin, tmp_path):
    lab, elsewhere = tmp_path / "lab", tmp_path / "elsewhere.yaml"
    cli_lab.fill(lab)
    elsewhere.write_text("models/m.yaml 1")
    (lab / "models/m.yaml").unlink()
    (lab / "models/m.yaml").symlink_to(elsewhere)
    (origin / "models/m.yaml").write_text("version 2")
    cli_lab.fill(lab, update=True)
    assert elsewhere.read_text() == "models/m.yaml 1"
    assert (lab / "models/m.new.yaml").read_text() == "version 2"


def test_the_start_page_names_only_what_is_there(tmp_path, capsys):
    assert main(["lab", str(tmp_path / "lab"), "--copy-only"]) == 0
    page = (tmp_path / "lab/START-HERE.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) >= 3
    assert [link for link in links if not (tmp_path / "lab" / link).exists()] == []
    commands = re.findall(r"^ {4}threatkit (\w+)", page, re.MULTILINE)
    for command in commands:
        assert main([command, "--help"]) == 0
    assert {"workshop", "review", "teach"} <= set(re.findall(r"\w+", page.lower()))


def test_the_update_is_told_on_the_terminal(origin, tmp_path, capsys):
    lab = tmp_path / "lab"
    main(["lab", str(lab), "--copy-only"])
    (lab / "models/m.yaml").write_text("mine")
    (origin / "models/m.yaml").write_text("version 2")
    capsys.readouterr()
    assert main(["lab", str(lab), "--copy-only", "--update"]) == 0
    said = capsys.readouterr().out
    assert "1 new beside a file that you changed" in said and "m.new.yaml" in said


def test_jupyterlab_takes_our_defaults_with_the_news_switched_off(monkeypatch):
    config = pytest.importorskip("jupyterlab_server.config")
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(data_path("lab")))
    taken = config.ConfigManager(config_dir_name="labconfig").get("default_setting_overrides")
    stored = json.loads(data_path("lab", "labconfig", "default_setting_overrides.json").read_text())
    assert taken == stored
    assert taken["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"
