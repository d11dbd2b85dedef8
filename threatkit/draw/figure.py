"""The picture: a matplotlib figure with alt text that draws exactly the lines that were checked."""

from __future__ import annotations

import base64
import html
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from threatkit.draw.diagram import Diagram
from threatkit.draw.layout import Layout
from threatkit.draw.views import View
from threatkit.errors import ThreatkitError

_SUFFIXES = (".svg", ".png", ".pdf")
_RC = {
    "svg.hashsalt": "threatkit",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
    "path.sketch": None,
    "path.effects": [],
    "text.usetex": False,
    "text.parse_math": False,
    "text.hinting": "none",
    "savefig.transparent": False,
    "savefig.bbox": None,
    "savefig.facecolor": "auto",
    "savefig.edgecolor": "auto",
    "savefig.orientation": "portrait",
}
_lock = threading.RLock()  # matplotlib's settings are global: one drawing at a time


class Picture(Figure):
    """A matplotlib figure that knows in words what it shows.

    In Jupyter it appears as an image with alt text; `alt` is that text, `layout` holds the coordinates, in points from
    the point `origin` of the page.
    """

    alt: str = ""
    diagram: Diagram
    layout: Layout
    origin: tuple[float, float] = (0.0, 0.0)

    def save(self, path: str | Path) -> Path:
        """Write an SVG, PNG or PDF, as the suffix says; the same system gives the same bytes.

        Raises ThreatkitError for another suffix, ModelError where the file cannot be written.
        """
        from threatkit.modelfile import write_atomically

        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in _SUFFIXES:
            raise ThreatkitError(f'a picture is saved as .svg, .png or .pdf, not as "{target.suffix or target.name}"')
        write_atomically(target, self.content(suffix[1:]))
        return target

    def content(self, form: str, dpi: float = 144.0) -> bytes:
        """The picture as the bytes of a file: `form` is svg, png or pdf."""
        out = io.BytesIO()
        with _lock, matplotlib.rc_context(_RC):
            if form == "svg":
                self.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
                return _described(out.getvalue().decode("utf-8"), self.alt).encode("utf-8")
            if form == "pdf":
                about = {
                    "CreationDate": None,
                    "ModDate": None,
                    "Producer": None,
                    "Creator": None,
                    "Title": self.alt[:200],
                }
                self.savefig(out, format="pdf", metadata=about)
            else:
                self.savefig(out, format="png", dpi=dpi, metadata={"Software": None, "Description": _ascii(self.alt)})
        return out.getvalue()

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.content("png")).decode("ascii")
        width = round(self.get_figwidth() * 96)
        style = f"max-width: 100%; width: {width}px; height: auto; background: white"
        alt = html.escape(self.alt, quote=True)
        return f'<figure><img alt="{alt}" style="{style}" src="data:image/png;base64,{data}"></figure>'


def _ascii(text: str) -> str:
    return text.encode("latin-1", "replace").decode("latin-1")


def _described(svg: str, alt: str) -> str:
    """The SVG with a title and a description for screen readers, right after its opening tag."""
    start = svg.index("<svg ")
    end = svg.index(">", start)
    title, _, rest = alt.partition(". ")
    words = f'<title id="tk-title">{html.escape(title)}</title><desc id="tk-desc">{html.escape(alt)}</desc>'
    attributes = ' role="img" aria-labelledby="tk-title" aria-describedby="tk-desc"'
    return f"{svg[:end]}{attributes}>\n {words}{svg[end + 1 :]}"


@contextmanager
def sheet(width: float, height: float) -> Iterator[tuple[Picture, Axes]]:
    """An empty picture of a size in points and axes in points over all of it; draw inside the `with`."""
    with _lock, matplotlib.rc_context(_RC):
        picture = Picture(figsize=(width / 72, height / 72), dpi=100, facecolor="white")
        FigureCanvasAgg(picture)
        axes = picture.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
        yield picture, axes


def render(
    diagram: Diagram, layout: Layout, view: View, alt: str, title: str | None, lit: frozenset[str] | None = None
) -> Picture:
    """The figure of a checked layout: the diagram itself, or a view of it; what is not in `lit` is greyed."""
    from threatkit.draw.marks import counted, mark
    from threatkit.draw.page import compose, view_signs
    from threatkit.draw.pen import Pen
    from threatkit.draw.viewpen import ViewPen

    pen = Pen
    if view.flows or view.boxes:
        view = counted(view, diagram)
        marked = mark(diagram, layout, view)
        page = compose(diagram, layout, title, view.subtitle, view_signs(diagram, layout, view, marked))
        pen = partial(ViewPen, view=view, marked=marked)
    else:
        page = compose(diagram, layout, title, view.subtitle)
    with sheet(page.width, page.height) as (picture, axes):
        picture.alt, picture.diagram, picture.layout = alt, diagram, layout
        picture.origin = (page.left, page.bottom)
        pen(axes, 0.0, 0.0).page(page, diagram)
        pen(axes, page.left, page.bottom).layout(diagram, layout, lit)
    return picture
