"""The course as a static site: `python docs/make_book.py` runs every notebook and writes build/book/index.html.

An own small builder instead of Sphinx or MyST: those want a theme and MathJax from elsewhere, and their search needs a
server or a network. Everything here comes with JupyterLab (nbclient, nbconvert, jinja2, Pygments). The site has no
address outside itself and works from a disk. What a widget leaves for pages without a kernel stands in its place.

`--only NAME` (repeatable) builds some notebooks; `--out FOLDER`, `--jobs N` and `--seconds N` for one notebook.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
PARTS = (("Course", "."), ("Exercises", "exercises"), ("Solutions", "solutions"))
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_SCRIPT = re.compile(r"<script\b.*?(</script\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_HEADING = re.compile(r"<h([1-6])>(.*?)</h\1>", re.DOTALL)
_LINK = re.compile(r'(<a href="(?![a-z]+:)[^"#]*)\.ipynb((?:#[^"]*)?")')
_TAG = re.compile(r"<[^>]+>")


@dataclass
class Chapter:
    """One page: where it comes from and goes to, its HTML, and its sections (title, anchor, words) for the search."""

    part: str
    source: Path
    href: str
    title: str = ""
    body: str = ""
    sections: list[tuple[str, str, str]] = field(default_factory=list)
    failed: str = ""


def chapters(only: list[str]) -> list[Chapter]:
    """The notebooks in the order of the book: numbered ones first in each part."""
    found = []
    for part, folder in PARTS:
        for source in sorted((NOTEBOOKS / folder).glob("*.ipynb")):
            name = source.relative_to(NOTEBOOKS).as_posix()
            if not only or name.removesuffix(".ipynb") in only:
                found.append(Chapter(part, source, name.removesuffix(".ipynb") + ".html"))
    return found


def execute(chapter: Chapter, work: Path, seconds: int) -> Any:
    """The notebook with its outputs. Exercises may stop at what the learner has to write; others may not fail."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    notebook = nbformat.read(chapter.source, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=seconds,
        allow_errors=chapter.part == "Exercises",
        store_widget_state=False,
        extra_arguments=["--log-level=40"],
        resources={"metadata": {"path": str(work / chapter.source.parent.relative_to(NOTEBOOKS))}},
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        chapter.failed = _ANSI.sub("", str(error))[-1500:]
    return notebook


def render(chapter: Chapter, notebook: Any) -> None:
    """Fill the chapter from an executed notebook."""
    from nbconvert.filters.markdown import markdown2html

    anchors: dict[str, int] = {}
    page: list[str] = []
    words: list[str] = []

    def heading(found: re.Match[str]) -> str:
        title = html.unescape(_TAG.sub("", found[2])).replace("¶", "").strip()
        if not chapter.title:
            chapter.title = title
        close()
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "part"
        anchors[slug] = anchors.get(slug, 0) + 1
        anchor = slug if anchors[slug] == 1 else f"{slug}-{anchors[slug]}"
        chapter.sections.append((title, anchor, ""))
        return f'<h{found[1]} id="{anchor}">{found[2]}</h{found[1]}>'

    def close() -> None:
        if chapter.sections:
            title, anchor, text = chapter.sections[-1]
            chapter.sections[-1] = (title, anchor, " ".join(f"{text} {' '.join(words)}".split()))
        words.clear()

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            made = re.sub(r"<a class=\"anchor-link\".*?</a>", "", markdown2html(cell.source))
            made = _HEADING.sub(heading, re.sub(r"<h([1-6]) [^>]*>", r"<h\1>", _SCRIPT.sub("", made)))
            linked = _LINK.sub(r"\1.html\2", made).replace("<pre>", '<pre tabindex="0">')
            page.append(f'<div class="text">{linked}</div>')
            words.append(html.unescape(_TAG.sub(" ", made)))
        elif cell.cell_type == "code" and cell.source.strip():
            page += [_code(cell.source), *map(_output, cell.outputs)]
            words.append(cell.source)
    close()
    chapter.title = chapter.title or chapter.source.stem
    chapter.body = "\n".join(page)


def _code(source: str) -> str:
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    inner = highlight(source, PythonLexer(), HtmlFormatter(nowrap=True))
    return f'<pre class="code" tabindex="0" role="region" aria-label="Code"><code>{inner}</code></pre>'


def _output(output: Any) -> str:
    if output.output_type == "stream":
        inner = _plain(output.text)
    elif output.output_type == "error":
        inner = _plain(f"{output.ename}: {output.evalue}")
    else:
        inner = _best(output.data)
    return f'<div class="output" tabindex="0" role="region" aria-label="Output">{inner}</div>' if inner else ""


def _best(data: Any) -> str:
    """The richest form that needs no script: the still of a widget, a figure with its alt text, plain text."""
    alt = html.escape(str(data.get("text/plain", "Figure"))[:300], quote=True)
    if made := _SCRIPT.sub("", data.get("text/html", "")).strip():
        return made
    if "image/svg+xml" in data:
        return f'<div role="img" aria-label="{alt}">{_SCRIPT.sub("", data["image/svg+xml"])}</div>'
    if "image/png" in data:
        return f'<img alt="{alt}" src="data:image/png;base64,{data["image/png"].strip()}">'
    return _plain(data.get("text/plain", ""))


def _plain(text: str) -> str:
    text = _ANSI.sub("", text).rstrip()
    return f"<pre>{html.escape(text)}</pre>" if text else ""


def write(book: list[Chapter], out: Path) -> None:
    """All pages, the style, and the search with its index, which is a script so that it loads from a disk too."""
    import jinja2
    from markupsafe import Markup

    here = Path(__file__).resolve().parent / "book"
    template = jinja2.Environment(loader=jinja2.FileSystemLoader(here), autoescape=True, trim_blocks=True)
    page = template.get_template("page.html.j2")
    parts = [(part, [c for c in book if c.part == part]) for part, _ in PARTS if any(c.part == part for c in book)]

    def put(href: str, title: str, body: str, **more: Any) -> None:
        target = out / href
        target.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * href.count("/")
        made = page.render(title=title, body=Markup(body), up=up, here=href, parts=parts, wide=True, **more)
        target.write_text(made, encoding="utf-8")

    for at, chapter in enumerate(book):
        beside = {"before": book[at - 1] if at else None, "after": book[at + 1] if at + 1 < len(book) else None}
        put(chapter.href, chapter.title, chapter.body, **beside)
    index = (
        "<h1>threatkit course</h1><p>Notebooks that teach threat modelling of GPT applications, with their results. "
    )
    index += "To run them yourself: <code>threatkit lab</code>.</p>"
    for part, pages in parts:
        links = "".join(f'<li><a href="{c.href}">{html.escape(c.title)}</a></li>' for c in pages)
        index += f"<h2>{part}</h2><ul>{links}</ul>"
    put("index.html", "Contents", index, after=book[0] if book else None)
    empty = '<h1>Search</h1><p id="said" role="status">Search needs JavaScript.</p><ol id="results"></ol>'
    put("search.html", "Search", empty, searches=True)
    found = [
        {"page": c.title, "title": title, "href": f"{c.href}#{anchor}", "text": text}
        for c in book
        for title, anchor, text in c.sections
    ]
    script = json.dumps(found, ensure_ascii=True).replace("</", "<\\/")
    (out / "search-index.js").write_text(f"window.BOOK = {script};\n", encoding="utf-8")
    for name in ("book.css", "search.js"):
        shutil.copyfile(here / name, out / name)


def main(argv: list[str] | None = None) -> int:
    """Build the book; 1 when a notebook of the course or a solution fails, with its error."""
    parser = argparse.ArgumentParser(description="Run every notebook and write the course as a static site.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "book")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="such as exercises/00-start-here")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=120, help="for one cell")
    options = parser.parse_args(argv)
    began, book = time.monotonic(), chapters(options.only)
    if not book:
        parser.error("no notebook has that name")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder) / "notebooks"  # a notebook may write files; never into the sources
        shutil.copytree(NOTEBOOKS, work, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
        with ThreadPoolExecutor(options.jobs) as pool:
            made = list(pool.map(lambda chapter: execute(chapter, work, options.seconds), book))
    for chapter, notebook in zip(book, made, strict=True):
        render(chapter, notebook)
    write(book, options.out)
    for chapter in book:
        if chapter.failed:
            print(f"{chapter.source.relative_to(ROOT)} failed:\n{chapter.failed}", file=sys.stderr)
    print(f"{options.out}/index.html: {len(book)} notebooks in {time.monotonic() - began:.0f} s")
    return int(any(chapter.failed for chapter in book))


if __name__ == "__main__":
    sys.exit(main())
