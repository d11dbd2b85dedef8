"""The wheel, installed into an empty environment: everything that a person needs travels in it."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.slow


def done(*command, cwd=None) -> subprocess.CompletedProcess:
    kept = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "COLUMNS")}
    result = subprocess.run(
        [str(word) for word in command], cwd=cwd, env=kept, capture_output=True, text=True, encoding="utf-8"
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    done(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """The Python of an environment with the wheel, and with the dependencies of this one but not its threatkit."""
    folder = tmp_path_factory.mktemp("empty environment")
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    done(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel)
    packages = done(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    borrowed = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    Path(packages, "borrowed.pth").write_text("\n".join(borrowed) + "\n", encoding="utf-8")
    return python


def test_the_wheel_holds_code_data_and_notebooks_and_no_litter(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "threatkit/cli.py" in names
    assert "threatkit/data/vocabulary.yaml" in names
    assert "threatkit/data/starting-model.yaml" in names
    assert "threatkit/data/models/support-assistant.yaml" in names
    for folder in ("data", "notebooks"):
        for path in (ROOT / folder).rglob("*"):
            hidden = any(part.startswith((".", "__pycache__")) for part in path.relative_to(ROOT).parts)
            if path.is_file() and not hidden and not path.name.endswith(".bak"):
                assert f"threatkit/{path.relative_to(ROOT).as_posix()}" in names
    litter = ("__pycache__", ".ipynb_checkpoints", "node_modules", ".bak", ".tmp")
    assert [name for name in names if any(part in name for part in litter)] == []


def test_the_installed_package_is_the_one_that_runs(python, tmp_path):
    where = done(python, "-c", "import threatkit; print(threatkit.__file__)", cwd=tmp_path).stdout
    assert str(python.parent.parent) in where


def test_the_flagship_is_analysed_from_an_empty_folder(python, tmp_path):
    assert "Support assistant" in done(python, "-m", "threatkit", "analyze", "support-assistant", cwd=tmp_path).stdout
    assert list(tmp_path.iterdir()) == []


def test_the_installed_command_is_there(python, tmp_path):
    import threatkit

    command = python.with_name("threatkit.exe" if os.name == "nt" else "threatkit")
    assert done(command, "--version", cwd=tmp_path).stdout == f"threatkit {threatkit.__version__}\n"


def test_a_picture_is_drawn_from_an_empty_folder(python, tmp_path):
    done(python, "-m", "threatkit", "draw", "support-assistant", "-o", "picture.svg", cwd=tmp_path)
    assert (tmp_path / "picture.svg").read_text(encoding="utf-8").rstrip().endswith("</svg>")


def test_the_lab_gets_every_notebook_and_model(python, tmp_path):
    done(python, "-m", "threatkit", "lab", "my lab", "--copy-only", cwd=tmp_path)
    for folder, target in (("notebooks", "notebooks"), ("data/models", "models")):
        shipped = [p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.is_file()]
        for inner in shipped:
            if ".ipynb_checkpoints" not in inner.parts and inner.suffix != ".bak":
                assert (tmp_path / "my lab" / target / inner).read_bytes() == (ROOT / folder / inner).read_bytes()


def test_a_new_model_is_written_and_checked(python, tmp_path):
    done(python, "-m", "threatkit", "new", "model.yaml", cwd=tmp_path)
    assert "model.yaml: ok" in done(python, "-m", "threatkit", "check", "model.yaml", cwd=tmp_path).stdout
