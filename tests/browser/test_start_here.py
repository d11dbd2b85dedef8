"""The first notebook as a new user meets it: opened in JupyterLab, every cell run, read from top to bottom."""

import pytest


@pytest.fixture(scope="module")
def notebook(open_notebook):
    opened = open_notebook("00-start-here.ipynb")
    opened.run_all()
    return opened


def cells_with(notebook, source):
    return [at for at, cell in enumerate(notebook.cells()) if cell["cell_type"] == "code" and source in cell["source"]]


def test_every_cell_runs_without_an_error(notebook):
    assert [output["evalue"] for output in notebook.outputs() if output["output_type"] == "error"] == []
    assert all(cell["execution_count"] for cell in notebook.cells() if cell["cell_type"] == "code")


def test_nothing_is_printed_as_a_warning(notebook):
    assert [output["text"] for output in notebook.outputs() if output.get("name") == "stderr"] == []


def test_each_picture_is_shown_and_says_in_words_what_it_shows(notebook):
    drawn = cells_with(notebook, "threatkit.draw(")
    assert len(drawn) == 2
    for at in drawn:
        image = notebook.show(at).locator(".jp-OutputArea img")
        image.wait_for()
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth)") > 600
        assert image.get_attribute("alt").startswith("Data flow diagram of Support assistant. 14 elements")


def test_tables_have_a_caption_and_headers_that_a_screen_reader_can_follow(notebook):
    (at,) = cells_with(notebook, "analysis = threatkit.analyze(app)")
    table = notebook.show(at).locator(".jp-OutputArea table")
    assert table.locator("caption").inner_text().startswith("Support assistant: ")
    assert table.locator("th[scope=col]").all_inner_texts() == ["rank", "risk", "finding", "places", "STRIDE"]
    assert table.locator("th[scope=row]").count() == table.locator("tbody tr").count() == 10


def test_the_solution_of_the_exercise_is_folded_away(notebook):
    cells = notebook.cells()
    (at,) = [at for at, cell in enumerate(cells) if "<summary>Solution</summary>" in cell["source"]]
    solution = notebook.show(at).locator("details", has_text="Solution")
    assert not solution.locator("pre").is_visible()
    solution.locator("summary").click()
    assert solution.locator("pre").is_visible()


def test_the_browser_has_nothing_to_complain_about(notebook):
    assert notebook.complaints == []
