"""Run a stranger's cells where they can do no harm, and get back what they say their answers are.

The sandbox is made of Linux namespaces through `unshare` of util-linux: no network, no processes but its own, a file
system in memory that has Python, threatkit and its sample models, and neither the solutions nor the expected answers,
the home folder or what others handed in. Every right is given up before the first cell runs. Limits on memory,
processes, files and time come on top; a watch over the sum of the memory ends the whole sandbox.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import site
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threatkit.errors import ThreatkitError
from threatkit.vocabulary import data_path, notebooks_path

_MIB = 1 << 20
_MOST_OUTPUT = _MIB  # bytes that one notebook may answer
_SYSTEM = ("/usr", "/etc/ld.so.cache", "/etc/fonts", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")


@dataclass(frozen=True)
class Limits:
    """What one notebook may use: seconds for all and for one cell, MiB of memory and of disk, processes and threads."""

    seconds: float = 120.0
    cell_seconds: float = 30.0
    memory: int = 1500
    disk: int = 64
    processes: int = 48


@dataclass(frozen=True)
class Outcome:
    """What came out: exercise -> answer, exercise -> error of its cell, and why the run ended early, or nothing."""

    answers: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    ended: str = ""


def why_not() -> str:
    """Why no sandbox can be had on this machine; empty where it can. Tries it."""
    if not sys.platform.startswith("linux") or not shutil.which("unshare"):
        return "a sandbox needs Linux with the program unshare (util-linux)"
    with tempfile.TemporaryDirectory() as root:
        plan = _plan(Path(root), Limits(), [], [sys.executable, "-I", "-c", "print('ready')"])
        try:
            done = subprocess.run(_unshare(plan), capture_output=True, text=True, timeout=30, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"a sandbox cannot be started: {error}"
    if "ready" in done.stdout:
        return ""
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    return f"this system does not permit a sandbox of its own: {last}"


def run(cells: list[str], limits: Limits, *, hidden: Iterable[Path] = (), unsafe: bool = False) -> Outcome:
    """Run cells one after the other in a new process; never raises for what they do.

    `hidden` are folders that must not be seen, wherever they lie. `unsafe` goes without a sandbox, with limits only.
    """
    reads, writes = os.pipe()
    with tempfile.TemporaryDirectory(prefix="threatkit-") as root:
        command = [sys.executable, "-m", "threatkit.teaching.runner", str(writes)]
        plan = _plan(Path(root), limits, hidden, command)
        if unsafe:
            argv = [sys.executable, "-I", "-c", _LIMITED, str(Path(__file__).parent), json.dumps(plan)]
        else:
            argv = _unshare(plan)
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[writes],
                start_new_session=True,
                env={"PATH": os.defpath},
                cwd=root,
            )
        except BaseException:
            os.close(reads)
            raise
        finally:
            os.close(writes)
        try:
            work = json.dumps({"cells": cells, "seconds": limits.cell_seconds}).encode()
            output, ended = _collect(process, reads, work, limits)
        finally:
            _end(process)
            os.close(reads)
    return _read(output, ended)


_LIMITED = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
import jail
plan = json.loads(sys.argv[2])
jail.limit(plan["limits"])
os.execve(plan["command"][0], plan["command"], plan["environment"])
"""


def _unshare(plan: dict[str, Any]) -> list[str]:
    spaces = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
    if os.geteuid():
        spaces += ["--user", "--map-root-user"]
    jail = str(Path(__file__).with_name("jail.py"))
    return [shutil.which("unshare") or "unshare", *spaces, sys.executable, "-I", jail, json.dumps(plan)]


def _plan(root: Path, limits: Limits, hidden: Iterable[Path], command: list[str]) -> dict[str, Any]:
    package, data = Path(__file__).parents[1], data_path()
    needed = [
        *map(Path, _SYSTEM),
        Path(sys.prefix),
        Path(sys.base_prefix),
        Path(sys.executable).resolve().parent.parent,
    ]
    needed += [*map(Path, site.getsitepackages()), package, data]
    links = [(f"/{one}", os.readlink(f"/{one}")) for one in _TOP if Path(f"/{one}").is_symlink()]
    plain = [Path(f"/{one}") for one in _TOP if Path(f"/{one}").is_dir() and not Path(f"/{one}").is_symlink()]
    bind = _outermost([*plain, *needed])
    cover = [data / "exercises", notebooks_path(), *(Path(one).resolve() for one in hidden)]
    for copy in (package, *(Path(one) / "threatkit" for one in site.getsitepackages())):  # an install may hold a second
        cover += [copy / "data" / "exercises", copy / "notebooks"]
    memory = limits.memory * _MIB
    return {
        "root": str(root),
        "disk": limits.disk * _MIB,
        "links": links,
        "bind": bind,
        "devices": [device for device in _DEVICES if Path(device).exists()],
        "cover": [str(path) for path in cover],
        "user": None if os.geteuid() else 61_000 + os.getpid() % 4_000,
        "limits": {
            "DATA": memory,  # not AS: the layout engine reserves far more addresses than it ever uses
            "NPROC": limits.processes + (_own_threads() if os.geteuid() else 0),
            "FSIZE": limits.disk * _MIB,
            "NOFILE": 256,
            "CORE": 0,
            "CPU": int(limits.seconds) + 5,
        },
        "command": command,
        "environment": {
            "PATH": os.defpath,
            "HOME": "/tmp",
            "IPYTHONDIR": "/tmp/.ipython",
            "MPLCONFIGDIR": "/tmp/.mpl",
            "MPLBACKEND": "Agg",
            "PYTHONPATH": str(package.parent),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONSAFEPATH": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "LANG": "C.UTF-8",
        },
    }


_TOP = ("bin", "lib", "lib64", "lib32", "sbin")


def _outermost(paths: Iterable[Path]) -> list[str]:
    """Existing folders and files, without those inside another one; never the root, which would show everything."""
    kept: list[Path] = []
    for path in sorted({path for path in paths if path.exists()} - {Path("/")}, key=lambda path: len(path.parts)):
        if not any(path.is_relative_to(one) for one in kept):
            kept.append(path)
    return [str(path) for path in kept]


def _own_threads() -> int:
    """Threads of this user now: before Linux 5.14 the limit counts them all."""
    total, user = 0, os.getuid()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.stat().st_uid == user:
                total += sum(1 for _ in (entry / "task").iterdir())
        except OSError:
            continue
    return total


def _collect(process: subprocess.Popen[bytes], reads: int, work: bytes, limits: Limits) -> tuple[bytes, str]:
    """Feed the cells and read the answers until the end, the time, the memory or the length is reached."""
    assert process.stdin is not None
    output, feed, until = b"", process.stdin.fileno(), time.monotonic() + limits.seconds
    os.set_blocking(feed, False)
    with selectors.DefaultSelector() as ready:
        ready.register(reads, selectors.EVENT_READ)
        ready.register(feed, selectors.EVENT_WRITE)
        while time.monotonic() < until:
            for key, _ in ready.select(0.2):
                if key.fd == reads:
                    chunk = os.read(reads, 65_536)
                    output += chunk
                    if not chunk:
                        return output, ""
                    if len(output) > _MOST_OUTPUT:
                        return output[:_MOST_OUTPUT], "wrote too much"
                    continue
                try:
                    work = work[os.write(feed, work[:65_536]) :]
                except BrokenPipeError:
                    work = b""
                if not work:
                    ready.unregister(feed)
                    process.stdin.close()
            if process.poll() is not None:
                return output + _rest(reads), ""
            if _memory(process.pid) > limits.memory * _MIB:
                return output, "used too much memory"
    return output, "took too long"


def _rest(reads: int) -> bytes:
    os.set_blocking(reads, False)
    try:
        return os.read(reads, _MOST_OUTPUT)
    except BlockingIOError:
        return b""


def _family(top: int) -> list[int]:
    found = [top]
    for pid in found:
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
        except (OSError, ValueError):
            continue
    return found


def _memory(top: int) -> int:
    """Resident bytes of a process and all below it."""
    page, total = os.sysconf("SC_PAGE_SIZE"), 0
    for pid in _family(top):
        try:
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
        except (OSError, ValueError, IndexError):
            continue
    return total


def _end(process: subprocess.Popen[bytes]) -> None:
    """End all of it: the first process of a PID namespace takes the others with it."""
    for pid in reversed(_family(process.pid)):
        try:
            os.kill(pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue
    if process.stdin and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        raise ThreatkitError("a sandbox could not be ended") from None


def _read(output: bytes, ended: str) -> Outcome:
    """Answers from what was written; whoever wrote it, it is only plain JSON of bounded size."""
    answers: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for line in output.splitlines()[:1000]:
        try:
            entry = json.loads(line)
            id, answer, error = entry["id"], entry["answer"], entry["error"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(id, str) and isinstance(error, str):
            answers[id[:40]] = answer
            errors[id[:40]] = error[:200]
    return Outcome(answers, errors, ended)
