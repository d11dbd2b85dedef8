"""Which boundary holds what, told from a drawing."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from formats.samples import OWN
from threatkit import convert
from threatkit.formats.drawing import Drawing
from threatkit.formats.shapes import Box, arc, closes, crossings, encloses, nest


def shape(x: float, y: float) -> Box:
    return Box(x - 5, y - 5, 10, 10)


def test_a_box_lies_in_the_smallest_box_around_it_and_equal_boxes_nest_in_file_order() -> None:
    boxes = {"a": Box(0, 0, 100, 100), "b": Box(10, 10, 50, 50), "c": Box(0, 0, 100, 100), "d": Box(90, 90, 50, 50)}
    assert nest(boxes) == {"a": None, "b": "c", "c": "a", "d": None}


def test_a_straight_line_between_two_groups_makes_exactly_its_crossing_flows_cross() -> None:
    drawing = Drawing(
        lines={"line": [(50, -100), (50, 100)]},
        shapes={"a": shape(0, 0), "b": shape(0, 50), "c": shape(100, 0), "d": shape(100, 50), "e": shape(120, 20)},
        arrows=[("a", "b", []), ("c", "d", []), ("d", "e", []), ("a", "c", []), ("d", "b", [])],
    )
    settled = drawing.settle()
    assert settled.within == {"a": "line", "b": "line"}  # the smaller side
    assert "flows that cross" in settled.guesses["line"]


def test_a_bent_line_holds_what_it_bends_around() -> None:
    line = arc((100, -200), (20, 0), (100, 200))
    shapes = {name: shape(150, y) for name, y in zip("abcd", (-60, -20, 20, 60), strict=True)} | {"x": shape(-50, 0)}
    inside = {**{name: shape(80, y.y + 5) for name, y in shapes.items() if name != "x"}, "x": shape(-50, 0)}
    arrows = [("x", name, []) for name in "abcd"]
    settled = Drawing(lines={"line": line}, shapes=inside, arrows=arrows).settle()
    assert {*settled.within} == set("abcd")


def test_a_line_that_closes_holds_what_it_encloses() -> None:
    line = [(0, 0), (100, 0), (100, 100), (0, 100), (1, 3)]
    assert closes(line) and encloses(line, (50, 50))
    settled = Drawing(lines={"line": line}, shapes={"in": shape(50, 50), "out": shape(200, 50)}).settle()
    assert settled.within == {"in": "line"}


def test_a_line_that_cuts_through_a_box_takes_the_side_that_fits_or_says_that_none_does() -> None:
    boxes = {"box": Box(0, 0, 100, 100)}
    shapes = {"a": shape(20, 50), "b": shape(80, 50), "c": shape(150, 50), "d": shape(-50, 50)}
    arrows = [("a", "b", []), ("b", "c", []), ("a", "d", [])]
    settled = Drawing(boxes, {"line": [(50, -50), (50, 150)]}, shapes, arrows).settle()
    assert settled.within == {"a": "box", "b": "box"} and "cuts through" in settled.lost["line"]
    two = Drawing(boxes, {"line": [(50, 10), (50, 90)]}, {k: shapes[k] for k in "abc"}, arrows[:2]).settle()
    assert two.inside.get("line") == "box" or two.within["a"] == "line"


def test_a_line_without_points_holds_nothing() -> None:
    for points in ([], [(1.0, 2.0)]):
        settled = Drawing(lines={"line": points}, shapes={"a": shape(0, 0)}).settle()
        assert not settled.within and settled.lost


numbers = st.integers(-200, 200).map(float)
points = st.tuples(numbers, numbers)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(numbers, numbers, st.integers(0, 300), st.integers(0, 300)), max_size=5),
    st.lists(st.lists(points, max_size=4), max_size=3),
    st.lists(points, max_size=7),
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=10),
)
def test_any_drawing_gives_a_forest_and_a_line_alone_is_crossed_as_drawn(boxes, lines, places, arrows) -> None:
    drawing = Drawing(
        {("b", n): Box(*box) for n, box in enumerate(boxes)},
        {("l", n): line for n, line in enumerate(lines)},
        {n: shape(*place) for n, place in enumerate(places)},
        [(a, b, []) for a, b in arrows if a < len(places) and b < len(places)],
    )
    settled = drawing.settle()
    for start in settled.inside:
        seen, at = set(), start
        while at is not None:
            assert at not in seen
            seen.add(at)
            at = settled.inside.get(at)
    if len(lines) == 1 and not boxes and "flows that cross" in settled.guesses[("l", 0)]:
        for a, b, _ in drawing.arrows:
            drawn = crossings(lines[0], [drawing.shapes[a].middle, drawing.shapes[b].middle]) % 2 == 1
            assert drawn == (settled.within.get(a) != settled.within.get(b))


def test_boundaries_of_our_own_drawings_hold_what_stands_in_them() -> None:
    first = convert(OWN / "dragon-v2.json").system
    assert {id: element.boundary for id, element in first.elements.items()} == {
        "guest": None,
        "bot": "cloud",
        "recipes": "oven-room",
        "guest-2": None,
        "bot-2": "shop-window",  # the curve bends around it
    }
    assert first.boundaries["oven-room"].inside == "cloud"
    door = convert(OWN / "shop.tm7").system
    assert door.elements["visitor"].boundary == "street" and door.elements["door-bell"].boundary == "office"
    assert door.elements["key-box"].boundary == "safe-room" and door.boundaries["safe-room"].inside == "office"
