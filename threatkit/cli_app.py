"""`threatkit app MODEL`: the STRIDE walk as a page in the browser, for people who should not see code.

Voilà runs the one notebook `data/app/walk.ipynb`, whose only cell calls `page`. Which model it is about goes through
an environment variable and is never part of any code. Voilà listens on this machine alone, and its address holds a
token, since other people's accounts and other pages in the same browser could reach the port too.
"""

from __future__ import annotations

import argparse
import html
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threatkit.cli_page import Page, clean
from threatkit.errors import NotFoundError, ThreatkitError
from threatkit.vocabulary import data_path

MODEL = "THREATKIT_APP_MODEL"
SAMPLE = "THREATKIT_APP_SAMPLE"


def add_commands(command: Callable[..., argparse.ArgumentParser], load: Callable[[str], Any]) -> None:
    """Add `threatkit app`; `load` gives the system of a model file or sample."""
    added = command(
        "app",
        _app,
        "show the STRIDE walk of a model as a page without code",
        epilog="Decisions go to a file beside the model. The page can be reached from this machine only, and only "
        "with the token in its address: keep the address to yourself. Ctrl-C ends it.",
    )
    added.add_argument("model", metavar="MODEL", help="a model file; of a sample system or incident nothing is saved")
    added.add_argument("--port", metavar="N", type=_port, help="a port of this machine (8866, or the next free one)")
    added.add_argument("--no-browser", action="store_true", help="only print the address")
    added.set_defaults(load=load)


def page() -> Any:
    """The walk of the model that the environment names: what the notebook of the app shows.

    What is wrong with the model or its decisions is shown as a sentence, never as a traceback.
    """
    from IPython.display import HTML

    from threatkit.decisions import Decisions
    from threatkit.widgets.walker import WalkWidget

    try:
        if path := os.environ.get(MODEL):
            from threatkit.modelfile import load

            return WalkWidget(load(path), Decisions.load(path))
        return WalkWidget(_sample(os.environ.get(SAMPLE, "")), Decisions())
    except (ThreatkitError, OSError) as error:
        return HTML(f'<p role="alert" style="white-space: pre-wrap">{html.escape(str(error))}</p>')


def command_line(port: int | None, browser: bool) -> list[str]:
    """How Voilà is called: on this machine only, with a token of its own making, no code and no tracebacks shown."""
    words = [sys.executable, "-m", "voila", str(data_path("app", "walk.ipynb")), "--template=threatkit"]
    words += ["--Voila.ip=127.0.0.1", "--Voila.auto_token=True", "--VoilaConfiguration.strip_sources=True"]
    if port is not None:
        words += [f"--port={port}", "--Voila.port_retries=0"]
    return words if browser else [*words, "--no-browser"]


def environment(model: str) -> dict[str, str]:
    """The environment of Voilà and its kernel: where the page's template is, and which model it is about."""
    kept = {name: value for name, value in os.environ.items() if name not in (MODEL, SAMPLE)}
    kept["JUPYTER_PATH"] = os.pathsep.join(filter(None, [str(data_path("app")), kept.get("JUPYTER_PATH")]))
    path = Path(model)
    return kept | ({MODEL: str(path.resolve())} if path.is_file() else {SAMPLE: model})


def _app(options: argparse.Namespace) -> int:
    system = options.load(options.model)  # a bad model is told here, where somebody reads it
    if importlib.util.find_spec("voila") is None:
        raise NotFoundError('Voilà is not installed in this Python; install it with: pip install "threatkit[app]"')
    beside = "decisions go to a file beside the model" if Path(options.model).is_file() else "nothing is saved"
    Page().line(f"{clean(system.name)}: {beside}. Open the address below, with its token; Ctrl-C ends it.")
    sys.stdout.flush()
    command, variables = command_line(options.port, not options.no_browser), environment(options.model)
    if os.name == "posix":
        os.execve(command[0], command, variables)  # Voilà gets Ctrl-C and every other signal itself
    process = subprocess.Popen(command, env=variables)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return process.wait()


def _sample(name: str) -> Any:
    from threatkit.cases import incident, is_incident
    from threatkit.modelfile import sample

    return incident(name) if is_incident(name) else sample(name)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError("give a port from 1 to 65535")
    return int(text)
