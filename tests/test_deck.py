"""The deck of threat cards: complete, inside its cards, and the same in grey."""

from dataclasses import replace

import pytest

import threatkit
from threatkit.teaching import cards

FINE = 4
HOSTILE = "<script>alert(1)</script> $$x$$ \u202eabc\n" * 60 + "W" * 400


def pages_of(deck):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for page in deck.pages():
        page.set_dpi(72 * FINE)  # as on paper: at 72 dots an inch the letters are moved to whole dots
        yield page, FigureCanvasAgg(page).get_renderer()


def texts_of(page, renderer):
    """(text, box in points from the lower left) of all that stands on a page."""
    from matplotlib.transforms import Bbox

    there = [text for text in page.axes[0].texts if text.get_text()]
    return [(text, Bbox(text.get_window_extent(renderer).get_points() / FINE)) for text in there]


def assert_inside(deck):
    wide, high = cards.card_size(deck.paper)
    for page, renderer in pages_of(deck):
        tall = page.get_figheight() * 72
        boxes = texts_of(page, renderer)
        for text, box in boxes:
            column = int((text.get_position()[0] - cards.MARGIN) // wide)
            row = int((text.get_position()[1] - cards.MARGIN) // high)
            left, top = cards.MARGIN + column * wide, cards.MARGIN + row * high
            assert left <= box.x0 and box.x1 <= left + wide - cards.PADDING / 2, text.get_text()
            assert top <= tall - box.y1 and tall - box.y0 <= top + high, text.get_text()
        for at, (text, box) in enumerate(boxes):
            for other, there in boxes[at + 1 :]:
                across = min(box.x1, there.x1) - max(box.x0, there.x0)
                down = min(box.y1, there.y1) - max(box.y0, there.y0)
                assert across < 1.5 or down < 2.5, (text.get_text(), other.get_text())


@pytest.mark.parametrize("paper", ["a4", "letter"])
def test_every_text_of_the_whole_deck_stays_in_its_card_and_off_the_others(paper):
    assert_inside(cards.deck(paper=paper))


def test_there_is_one_card_for_each_rule_and_eight_cards_on_a_page():
    catalog = threatkit.load_catalog()
    whole = cards.deck(catalog)
    assert sorted(card.rule for card in whole.cards) == sorted(catalog.rules)
    assert len(whole.pages()) == -(-len(catalog.rules) // 8)


def test_no_card_loses_words_of_the_catalogue_that_comes_with_the_kit():
    for paper in cards.PAPERS:
        for page in cards.deck(paper=paper).pages():
            assert not [text.get_text() for text in page.axes[0].texts if text.get_text().endswith("…")]


def test_a_card_has_no_field_of_a_template_left():
    for card in cards.deck().cards:
        assert "{" not in card.says + card.ask


def test_long_and_hostile_texts_are_cut_inside_the_card():
    card = cards.deck(family="privacy").cards[0]
    long = cards.clean(HOSTILE, 2000)
    hostile = replace(card, title=long, says=long, ask=long, stops=(long,) * 5, lowers=(long,), references=(long,))
    for paper in cards.PAPERS:
        assert_inside(cards.Deck((hostile,) * 3, paper))


def test_the_shapes_of_the_letters_differ_without_their_colours():
    shapes = {(corners, turn) for corners, turn, _ in cards._SIGNS.values()}
    assert len(shapes) == len(cards._SIGNS) == 6


def test_filters_keep_what_they_say_and_name_what_there_is():
    assert {card.family for card in cards.deck(family="privacy").cards} == {"privacy"}
    assert all("R" in card.letters for card in cards.deck(stride="r").cards)
    with pytest.raises(threatkit.NotFoundError, match="privacy"):
        cards.deck(family="privcy")
    with pytest.raises(threatkit.NotFoundError, match="S, T, R"):
        cards.deck(stride="X")


def test_the_pdf_is_the_same_each_time_and_only_a_pdf_is_written(tmp_path):
    small = cards.deck(family="logging")
    first = small.save(tmp_path / "a.pdf").read_bytes()
    assert first.startswith(b"%PDF") and first == small.save(tmp_path / "b.pdf").read_bytes()
    with pytest.raises(threatkit.ThreatkitError, match="pdf"):
        small.save(tmp_path / "a.png")


def test_the_command_writes_a_deck_and_says_how_large_it_is(tmp_path, capsys):
    from threatkit.cli import main

    assert main(["deck", "-o", str(tmp_path / "deck.pdf"), "--family", "logging", "--paper", "letter"]) == 0
    assert "2 cards on 1 page" in capsys.readouterr().out
    assert (tmp_path / "deck.pdf").read_bytes().startswith(b"%PDF")
    assert main(["deck", "-o", str(tmp_path / "deck.pdf"), "--family", "no-such"]) == 2
