"""What an import costs: nothing heavy is loaded before it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("numpy", "networkx", "pydantic", "matplotlib", "yaml", "scipy", "rich", "py_mini_racer", "IPython")


def loaded_after(code: str) -> set[str]:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}\nprint(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stderr.split()}


@pytest.mark.parametrize(
    "code",
    [
        "import threatkit",
        "import threatkit; dir(threatkit); threatkit.__version__",
        "from threatkit import ThreatkitError, ModelError",
        "from threatkit.cli import main; main(['--help'])",
        "from threatkit.cli import main; main(['analyze', '--help'])",
        "from threatkit.cli import main; main(['--version'])",
    ],
)
def test_nothing_heavy_is_loaded_before_it_is_used(code):
    assert loaded_after(code).isdisjoint(HEAVY)


def test_a_name_that_does_not_exist_is_an_attribute_error():
    import threatkit

    with pytest.raises(AttributeError, match="no attribute 'analyse'"):
        threatkit.analyse  # noqa: B018


def test_every_name_of_the_table_of_contents_is_there():
    import threatkit

    for name in threatkit.__all__:
        assert getattr(threatkit, name) is not None
    assert set(dir(threatkit)) == set(threatkit.__all__)
