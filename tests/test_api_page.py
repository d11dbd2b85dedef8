"""The generated page docs/api.md says what the code says."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def make_api():
    spec = importlib.util.spec_from_file_location("make_api", ROOT / "docs" / "make_api.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_make_api_writes(make_api):
    assert make_api.PAGE.read_text(encoding="utf-8") == make_api.page(), "run: make api"


def test_every_public_name_has_a_docstring(make_api):
    assert make_api.without_docstring() == []


def test_the_page_names_everything_that_threatkit_offers(make_api):
    import threatkit

    page = make_api.page()
    for name in threatkit.__all__:
        assert name == "__version__" or f"- `{name}` (" in page
