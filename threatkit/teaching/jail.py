"""Build the sandbox from inside its new namespaces, give up every right, and start the runner. Standard library only.

Started by `sandbox` through `unshare` with a JSON plan in argv: an empty root in memory, the folders to bind read-only,
those to cover with nothing, the limits, the user to become and the command.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import sys

_RDONLY, _NOSUID, _NODEV, _REMOUNT, _BIND, _REC, _PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
_CAPBSET_DROP, _NO_NEW_PRIVS, _DETACH, _LAST_CAP = 24, 38, 2, 63
_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source: str, target: str, kind: str | None, flags: int, data: str = "") -> None:
    args = (source.encode(), target.encode(), kind and kind.encode(), flags, data.encode())
    if _libc.mount(*args[:3], ctypes.c_ulong(flags), args[4]):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def main() -> None:
    """Take away what a notebook must not have, then become the process that runs it. Arguments: a plan as JSON."""
    plan = json.loads(sys.argv[1])
    root = plan["root"]
    _mount("none", "/", None, _REC | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NOSUID | _NODEV, f"size={plan['disk']},nr_inodes=20000,mode=755")
    for link, target in plan["links"]:
        os.symlink(target, root + link)
    for path in plan["bind"]:
        _bind(root, path, _RDONLY | _NOSUID | _NODEV)
    for path in plan["devices"]:
        _bind(root, path, 0)
    for path in plan["cover"]:
        if os.path.isdir(root + path):
            _mount("tmpfs", root + path, "tmpfs", _RDONLY | _NOSUID | _NODEV, "size=4k")
    os.makedirs(root + "/proc")
    with contextlib.suppress(OSError):  # not permitted in some containers; only our own processes are in it
        _mount("proc", root + "/proc", "proc", _NOSUID | _NODEV)
    os.makedirs(root + "/tmp", exist_ok=True)
    os.chmod(root + "/tmp", 0o1777)
    old = root + "/.old"
    os.mkdir(old)
    if _libc.syscall(_pivot_root(), root.encode(), old.encode()):
        raise OSError(ctypes.get_errno(), "pivot_root")
    os.chdir("/")
    if _libc.umount2(b"/.old", _DETACH):
        raise OSError(ctypes.get_errno(), "umount")
    os.rmdir("/.old")
    os.chdir("/tmp")
    _give_up(plan["user"])
    limit(plan["limits"])
    os.execve(plan["command"][0], plan["command"], plan["environment"])


def _pivot_root() -> int:
    return {"x86_64": 155, "aarch64": 41, "riscv64": 41}[os.uname().machine]


def _bind(root: str, path: str, flags: int) -> None:
    target = root + path
    if os.path.isdir(path):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "a"):  # noqa: PTH123
            pass
    _mount(path, target, None, _BIND | _REC)
    if flags:
        _mount("none", target, None, _REMOUNT | _BIND | flags)


def _give_up(user: int | None) -> None:
    for capability in range(_LAST_CAP + 1):
        _libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    if _libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")


def limit(limits: dict[str, int]) -> None:
    """Set limits of this process for good; names are those of `resource`, without RLIMIT_."""
    for name, most in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


if __name__ == "__main__":
    main()
