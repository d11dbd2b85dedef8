"""What changed between two versions of a model, and why."""

import json
import os
import re
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from threatkit import modelfile
from threatkit.catalog import load_catalog
from threatkit.changes import compare_versions
from threatkit.cli import main
from threatkit.errors import ModelError, NotFoundError
from threatkit.modelfile import dumps, loads, sample, samples
from threatkit.revisions import at_revision

MODEL = """threatkit: 1
name: Shop
boundaries:
  net: {trust: untrusted}
  cloud: {trust: trusted}
data:
  chat: {classification: confidential, personal: true}
elements:
  user: {kind: user, in: net}
  bot: {kind: agent, in: cloud, properties: [send_message]}
  db: {kind: datastore, in: cloud, holds: [chat]}
flows:
  - {id: ask, from: user, to: bot, content: untrusted, carries: [chat]}
  - {id: store, from: bot, to: db, carries: [chat]}
"""


def kinds(found):
    return {(part.section, part.id, part.kind) for part in found.parts}


@given(st.sampled_from(samples()))
@settings(max_examples=12, deadline=None)
def test_a_system_and_itself_do_not_differ(name):
    assert not compare_versions(sample(name), loads(dumps(sample(name))))


@given(st.sampled_from(samples()), st.sampled_from(samples()))
@settings(max_examples=8, deadline=None)
def test_looking_back_swaps_new_and_gone_worse_and_better(first, second):
    there, back = (compare_versions(*map(sample, pair)) for pair in ((first, second), (second, first)))
    swapped = {"new": "gone", "gone": "new", "worse": "better", "better": "worse"}
    there = {(swapped[one.kind], one.finding.id, one.new, one.old) for one in there.findings}
    assert there == {(one.kind, one.finding.id, one.old, one.new) for one in back.findings}


def test_a_boundary_that_an_element_left_is_a_move():
    found = compare_versions(
        loads(MODEL), loads(MODEL.replace("db: {kind: datastore, in: cloud", "db: {kind: datastore, in: net"))
    )
    assert kinds(found) == {("elements", "db", "moved")}
    assert found.parts[0].details["in"] == ("cloud", "net")


def test_another_id_for_the_same_structure_is_a_guessed_rename_and_no_new_finding():
    found = compare_versions(loads(MODEL), loads(MODEL.replace("bot", "helper")))
    assert kinds(found) == {("elements", "helper", "renamed")}
    assert not found.findings and "guess" in found.text()


def test_findings_follow_a_renamed_element():
    text = dumps(sample("support-assistant"))
    found = compare_versions(loads(text), loads(re.sub(r"\bassistant\b", "renamed_one", text)))
    assert kinds(found) == {("elements", "renamed_one", "renamed")}
    assert len(found.new.findings) > 10 and not found.findings


def test_another_order_changes_nothing():
    lines = MODEL.splitlines()
    lines[-2:] = reversed(lines[-2:])
    assert not compare_versions(loads(MODEL), loads("\n".join(lines)))


def test_a_change_of_the_model_is_caused_by_the_model():
    found = compare_versions(sample("support-assistant"), sample("support-assistant-hardened"))
    assert found.findings and {one.cause for one in found.findings} == {"model"}


def test_a_change_of_the_catalogue_is_caused_by_the_catalogue():
    same = sample("support-assistant")
    found = compare_versions(same, same, old_catalog=load_catalog(edition="2025.1"))
    assert found.findings and {one.cause for one in found.findings} == {"catalogue"} and not found.parts


def test_texts_of_a_model_are_shown_as_plain_text():
    evil = loads(MODEL.replace("user: {kind", 'user: {name: "<script>x</script>[a](b)\\n# h", kind'))
    found = compare_versions(loads(MODEL), evil)
    assert "<script>" not in found._repr_html_() and "<script>" not in found.markdown()
    assert "[a](b)" not in found.markdown() and "\n# h" not in found.markdown()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "deep" / "er"
    folder.mkdir(parents=True)
    model = folder / "model.yaml"
    model.write_text(MODEL)
    who = {f"GIT_{role}_{what}": "a@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=tmp_path, env={**os.environ, **who}, check=True)
    return model


def test_a_model_is_compared_with_a_git_revision_in_a_subfolder(repository, capsys):
    repository.write_text(MODEL.replace("db: {kind: datastore", "db: {kind: log_store"))
    assert main(["diff", str(repository), "--git", "HEAD", "--json"]) == 0
    assert [part["id"] for part in json.loads(capsys.readouterr().out)["parts"]] == ["db"]


def test_a_missing_revision_file_or_repository_is_a_clear_error(repository, tmp_path_factory):
    with pytest.raises(NotFoundError, match="no revision"):
        at_revision(repository, "--upload-pack=x")
    with pytest.raises(NotFoundError, match="is not in revision"):
        at_revision(repository.with_name("other.yaml"), "HEAD")
    with pytest.raises(NotFoundError, match="not in a git repository"):
        at_revision(tmp_path_factory.mktemp("plain") / "m.yaml", "HEAD")


def test_a_broken_model_in_a_revision_is_an_error_with_its_place(repository):
    repository.write_text("threatkit: 1\nname: x\nnonsense: 1\n")
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qam", "2"],
        cwd=repository.parent,
        check=True,
    )
    with pytest.raises(ModelError, match="model.yaml@HEAD:3"):
        at_revision(repository, "HEAD")
    assert modelfile.dumps(at_revision(repository, "HEAD~1")) == dumps(loads(MODEL))
