"""Run a command that dies with the process that started it, and, if asked, as another user.

``python -I -S leash.py --parent PID --signal NUMBER [--user NAME] -- COMMAND…``

A small program of its own, replaced by the command, because what it does must happen between fork and exec: after a
change of user (which would forget the parent-death signal), and without running Python in a forked copy of a process
that has threads. It imports nothing but the standard library's own.

On a system other than Linux it only changes the user: there the children of a killed supervisor stay.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import pwd
import sys
from pathlib import Path

SCRIPT = Path(__file__)

# From <linux/prctl.h>, <linux/securebits.h> and <linux/capability.h>.
PR_SET_PDEATHSIG = 1
PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 28, 1 << 2
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2
CAPABILITY_VERSION_3 = 0x20080522


class CapabilityHeader(ctypes.Structure):
    """Which process (0: this one) in which version of the call."""

    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class CapabilityWord(ctypes.Structure):
    """32 capabilities, one bit each; the call takes two of these."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def main() -> None:
    """Read the command line, prepare this process, become the command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--user")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    if arguments.user:
        become(arguments.user)
    if sys.platform == "linux":
        die_with_parent(arguments.parent, arguments.signal)
    try:
        os.execvp(arguments.command[0], arguments.command)
    except OSError as error:
        sys.exit(f"{arguments.command[0]}: {error.strerror}")


def die_with_parent(parent: int, number: int) -> None:
    """Have the kernel send `number` to this process when its parent ends. Exits when it has already ended."""
    _call("prctl", PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")


def become(name: str) -> None:
    """Go on as user `name`, who may still find its way through the folders of the user before (root).

    PostgreSQL refuses to run as root, and the folders above its files may be root's alone (mode 0700). Of root's powers
    the one to read and search any folder is kept, where the system allows it; widening the folders' modes is not ours.
    """
    entry = pwd.getpwnam(name)
    kept = sys.platform == "linux" and _keep_powers()
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    os.environ["HOME"], os.environ["USER"] = entry.pw_dir, name
    if kept:
        _keep_search_alone()


def _keep_powers() -> bool:
    """Let the change of user leave this process's powers as they are; False where the system forbids that.

    This way of several, because only with it access(2), by which PostgreSQL finds its own programs, heeds them too.
    """
    try:
        _call("prctl", PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    except PermissionError:
        return False
    return True


def _keep_search_alone() -> None:
    header = CapabilityHeader(CAPABILITY_VERSION_3, 0)
    words = (CapabilityWord * 2)()
    _call("capget", ctypes.byref(header), ctypes.byref(words))
    # A container often withholds READ_SEARCH but grants OVERRIDE.
    kept = next((c for c in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if words[0].permitted & (1 << c)), None)
    bit = 0 if kept is None else 1 << kept
    words[0] = CapabilityWord(bit, bit, bit)
    words[1] = CapabilityWord(0, 0, 0)
    _call("capset", ctypes.byref(header), ctypes.byref(words))
    if kept is not None:
        _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept, 0, 0)


def _call(name: str, *arguments: object) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*(ctypes.c_ulong(a) if isinstance(a, int) else a for a in arguments)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


if __name__ == "__main__":
    main()
