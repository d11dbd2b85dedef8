"""The table of findings, to sort and to filter: DataTables, which itables brings along and runs without a network.

    threatkit.findings_table(analysis, decisions)

The program of the table goes to the browser with the live widget and is no part of the notebook file. What a saved or
exported notebook holds is the plain table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from itables.widget import ITable

from threatkit.draw import theme
from threatkit.draw.views import short_name
from threatkit.explain import html_table
from threatkit.widgets.fallback import Still, WithStill, still, table

if TYPE_CHECKING:
    from threatkit.analysis import Analysis
    from threatkit.decisions import Decisions

HEADS = ("rank", "risk", "level", "after", "finding", "places", "STRIDE", "decision")
_LONG = 300  # characters of a cell


def findings_table(analysis: Analysis, decisions: Decisions | None = None) -> FindingsTable:
    """All findings and own threats: sort by any column, search in all or in one. Texts of the model are plain text."""
    return FindingsTable(analysis, decisions)


class FindingsTable(WithStill, ITable):
    """See `findings_table`. `rows` holds the texts of the cells, `ids` the ids of the findings."""

    def __init__(self, analysis: Analysis, decisions: Decisions | None = None):
        found = rows(analysis, decisions)
        self.ids = [id for id, _ in found]
        self.rows = [row for _, row in found]
        self._title = f"Findings of {theme.clean(analysis.system.name, 100)}"
        super().__init__(
            None, caption=self._title, classes="display compact", style="table-layout:auto;width:100%;margin:0"
        )
        self._dt_args = {  # what DataTables takes; itables itself only reads data frames
            "table_html": html_table(self._title, HEADS, self.rows),
            "layout": {"topStart": "pageLength", "topEnd": "search", "bottomStart": "info", "bottomEnd": "paging"},
            "lengthMenu": [10, 25, 50, 100],
            "order": [[0, "asc"]],
            "autoWidth": False,
            "columnControl": ["order", "searchDropdown"],
            "ordering": {"indicators": False, "handler": False},
            "language": {"search": "Search in all columns:"},
        }
        self.add_class("tk-findings")

    def still(self) -> Still:
        """The same rows as a plain table."""
        return still(table(self._title, HEADS, self.rows))


def rows(analysis: Analysis, decisions: Decisions | None = None) -> list[tuple[str, tuple[Any, ...]]]:
    """Id and cells of each finding, the riskiest first: figures as numbers, everything else as one line of text.

    `after` is the risk after decisions, 0 where the threat is said not to apply.
    """
    from threatkit.decisions import Decisions

    kept = decisions if decisions is not None else Decisions()
    found = []
    for rank, status in enumerate((row for row in kept.status(analysis) if row.finding), 1):
        threat = status.finding
        left = kept.residual(threat)
        after = left.risk.score if left.risk else 0
        names = [short_name(analysis.system, place) for place in threat.places if place in analysis.system]
        decided = status.decision.action.replace("_", " ") if status.decision else ""
        said = ", ".join(filter(None, (decided, status.state if status.state != "decided" else "")))
        texts = [theme.clean(text, _LONG) for text in (threat.title, ", ".join(names), threat.letters, said)]
        found.append((threat.id, (rank, threat.score, threat.risk.level, after, *texts)))
    return found
