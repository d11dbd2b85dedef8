"""Replays of incidents: a guess gives nothing away, facts and suggestions stay apart, no text becomes markup."""

from dataclasses import replace

import pytest

from threatkit.cases import incidents
from threatkit.errors import NotFoundError
from threatkit.teaching.replays import replay

CASES = incidents()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_every_incident_can_be_replayed_from_the_guess_to_what_closed_it(case):
    played = replay(case.slug)
    threat = case.expected[0]
    right = played.guess(threat.where, "".join(threat.accept["stride"]))
    assert right.rows[0][2] == "place and letter fit"
    assert threat.title not in str(right)
    assert {row[2] for row in played.guess("", "").rows} == {"not yet: follow the text of strangers"}
    assert len(played.sees().rows) == len(case.expected)
    assert played.happened().links == case.references
    closed = dict(played.closed().rows)
    assert played.gone() and closed["findings gone"] != "none"
    assert closed["what ended it, as far as known"] != closed["what would close it in this model"]


def test_the_first_picture_and_the_path_are_drawn_with_words():
    played = replay("forcedleak")
    assert played.picture().alt and played.path().alt
    assert played.picture().alt != played.path().alt


def test_a_wrong_name_place_or_letter_is_said_with_what_there_is():
    with pytest.raises(NotFoundError, match="forcedleak"):
        replay("forcdleak")
    with pytest.raises(NotFoundError):
        replay("forcedleak").guess("nowhere", "S")
    with pytest.raises(NotFoundError, match="S T R I D E"):
        replay("forcedleak").guess("agent", "X")


def test_no_text_of_a_case_becomes_markup_and_a_long_one_is_cut():
    evil = "<script>x</script>"
    case = replace(CASES[0], name=evil, facts=evil + "y" * 10_000, closed=evil, twin=evil, references=("javascript:x",))
    played = replay(case)
    for part in (played.happened(), played.closed(), played.sees()):
        assert "<script" not in part._repr_html_() and "href" not in part._repr_html_()
    assert len(dict(played.happened().rows)["what happened"]) == 2000
