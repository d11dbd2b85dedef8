"""What a widget leaves in its place where nothing runs: on a Git host, in an exported page, in a PDF.

    class Walk(WithStill, ipywidgets.VBox):          # the mixin comes first; anywidget.AnyWidget works too
        def still(self) -> Still:
            return still(self.progress_picture(), table("Decisions", ("place", "decision"), rows))

An output of a notebook holds the same thing in several forms, and each viewer takes the one it can show. Beside the
live view this adds text/html (figures with alt text and plain tables: no script, no style sheet), image/png (for
LaTeX and for hosts that drop HTML) and readable text/plain. The still is made when the widget is shown and is how
the widget was then. Saved widget state is not needed; where a notebook has it, nbconvert takes the live view, which
loads its program from a network. So leave it out: `jupyter nbconvert --execute
--ExecutePreprocessor.store_widget_state=False`; JupyterLab saves none unless told to.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threatkit.errors import ThreatkitError
from threatkit.explain import html_table

if TYPE_CHECKING:
    from threatkit.draw.figure import Picture

_MOST_ROWS = 200  # of a table in a still
_MOST_CHARACTERS = 400  # of one cell


@dataclass(frozen=True)
class Still:
    """One thing in the forms that viewers without a kernel show: HTML without scripts, plain text, perhaps a PNG."""

    html: str
    text: str
    png: bytes | None = None


def still(*parts: Still | Picture | str) -> Still:
    """Parts one below the other: pictures, tables made by `table`, and sentences, which are escaped.

    >>> still("a <b>").html
    '<p>a &lt;b&gt;</p>'
    """
    made = [_part(part) for part in parts]
    png = next((part.png for part in made if part.png), None)
    return Still("\n".join(part.html for part in made), "\n\n".join(part.text for part in made), png)


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], most: int = _MOST_ROWS) -> Still:
    """A plain table whose first column names the rows; every text is escaped, and long ones end with an ellipsis."""
    all_rows = [[_cut(cell) for cell in row] for row in rows]
    more = len(all_rows) - most
    caption += f" (the first {most} of {len(all_rows)})" if more > 0 else ""
    shown = all_rows[:most]
    lines = [caption, " | ".join(heads), *(" | ".join(row) for row in shown)]
    return Still(html_table(caption, heads, shown), "\n".join(lines))


class WithStill:
    """A mixin before a widget class: `still` says what stands in the widget's place where no widget can be."""

    def still(self) -> Still:
        """The figures and tables of this widget as it is now."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)  # type: ignore[misc]
        if bundle is None:  # the widget was closed
            return None
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        return {**data, **forms(self)}, metadata


def forms(widget: WithStill) -> dict[str, str]:
    """The still of a widget by media type. A still that cannot be made never keeps the widget from being shown."""
    try:
        found = widget.still()
    except ThreatkitError as error:
        found = still(f"{type(widget).__name__}: {error}")
    data = {"text/html": f"<div>{found.html}</div>", "text/plain": found.text}
    if found.png:
        data["image/png"] = base64.b64encode(found.png).decode("ascii")
    return data


def _part(part: Still | Picture | str) -> Still:
    if isinstance(part, Still):
        return part
    if isinstance(part, str):
        return Still(f"<p>{html.escape(part)}</p>", part)
    return Still(part._repr_html_(), part.alt, part.content("png"))


def _cut(cell: object) -> str:
    text = " ".join(str(cell).split())
    return text if len(text) <= _MOST_CHARACTERS else text[: _MOST_CHARACTERS - 1] + "…"
