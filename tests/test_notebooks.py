"""The notebooks as files: small, stored without outputs, and with solutions that are right."""

import json
import re

import pytest

import threatkit
from threatkit.vocabulary import notebooks_path

NOTEBOOKS = sorted(path for path in notebooks_path().rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)


def cells(path) -> list[dict]:
    return json.loads(path.read_text(encoding="utf-8"))["cells"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_short_cells_without_outputs_and_names_no_machine(path):
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|Users)/|[A-Z]:\\\\", text)
    for cell in cells(path):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            assert len(cell["source"]) <= 15


def test_the_solution_of_the_first_exercise_moves_the_path_to_the_other_way_out():
    (text,) = ["".join(c["source"]) for c in cells(notebooks_path("00-start-here.ipynb")) if "Solution" in str(c)]
    (line,) = re.findall(r"```python\n(mine\.replace\(.*\))\n```", text)
    mine = threatkit.sample("support-assistant")
    exec(line, {"mine": mine})
    (left,) = [finding for finding in threatkit.analyze(mine).findings if finding.rule == "exfil-trifecta"]
    assert left.path[-1] == "webapp"
    assert "it ends in `webapp`" in text
