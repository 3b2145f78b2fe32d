"""A private PostgreSQL for `e2ad dev` and for the tests: one process that we own, no service.

The server listens on a Unix socket in a directory of mode 0700 and on nothing else. It keeps
fsync on, so that what is said about crashes is true here as well.

It ends with us. On a clean exit it is stopped and waited for; when we are killed the kernel sends
it SIGINT (`PR_SET_PDEATHSIG`), and should even that be missing, the next start finds the orphan
by its data directory and stops it first. The death signal follows the *thread* that forked, and
Trio forks in worker threads that end when they are idle: so the server is forked right here.
"""

import fcntl
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import trio
from attrs import frozen

from e2ad.dev.postgres_files import (
    Account,
    Place,
    PostgresFailed,
    candidates,
    choose_place,
    readable_copy,
    unprivileged,
)

__all__ = ["PostgresFailed", "Server", "dev_postgres", "open_server"]

INITDB_SECONDS = 120.0
"""A new database cluster takes about one second; slow disks are slow."""

START_SECONDS = 120.0
"""Recovery after a crash may have a long log to read."""

STOP_SECONDS = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))
"""Fast shutdown (sessions are ended, a checkpoint is written), immediate shutdown, and the end."""

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "fsync": "on",
    "synchronous_commit": "on",
    # No replica will ever follow: less is written for the same safety.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "wal_buffers": "16MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    # Our statements are short: compiling them costs more than running them.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
}

_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
_LOG_BYTES = 4_000_000


@frozen
class Server:
    """A server that accepts connections.

    Attributes:
        dsn: how to connect, as its superuser.
        bindir: the programs that it was started from, `pg_dump` among them.
        pid: the postmaster's.
        note: a sentence for the user, if the database is not where it was asked to be.
        log: what the server says.
    """

    dsn: str
    bindir: Path
    pid: int
    note: str | None
    log: Path
    _pidfd: int

    async def wait_died(self) -> None:
        """Wait until the server ends by itself, and raise `PostgresFailed` with its last words."""
        await trio.lowlevel.wait_readable(self._pidfd)
        raise PostgresFailed(f"PostgreSQL ended unexpectedly:\n{_last_words(self.log)}")


@asynccontextmanager
async def dev_postgres(
    root: Path, bindir: Path | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """`open_server`, for those who want nothing but the DSN."""
    async with open_server(root, bindir, settings) as server:
        yield server.dsn


@asynccontextmanager
async def open_server(
    root: Path, bindir: Path | None = None, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """Start the server that belongs to `root`, making its database the first time; stop it at the end.

    Args:
        root: the folder it belongs to; made if it is missing.
        bindir: where PostgreSQL's programs are; see `postgres_files.candidates` for the search without it.
        settings: server settings on top of `SETTINGS`.

    Raises:
        PostgresFailed: no programs, no usable directory, another server on the same folder, a database of
            another major version, or a server that does not start; the message says what to do.

    Cancellation: the server is stopped and waited for, inside a shield of at most 25 seconds.
    """
    account = unprivileged()
    place = choose_place(root, account)
    try:
        with _only_one(place.base):
            programs = await _programs(bindir, account, place)
            await _stop_orphan(place.data)
            if not place.data.exists():
                await _make_cluster(programs, account, place)
            async with _running(programs, account, place, SETTINGS | dict(settings or {})) as server:
                yield server
    finally:
        if place.temporary:
            shutil.rmtree(place.sockets, ignore_errors=True)


class _only_one:  # noqa: N801  # used as a function
    """Holds the folder's lock, so that two of us never share a database."""

    def __init__(self, base: Path) -> None:
        self._path = base / "lock"
        self._file: IO[str] | None = None

    def __enter__(self) -> None:
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise PostgresFailed(
                f"the database in {self._path.parent} is in use by process {owner}: "
                "stop that one, or choose another folder"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()


async def _programs(bindir: Path | None, account: Account, place: Place) -> Path:
    """Programs of the major version that the database was made with, readable for the account."""
    version_file = place.data / "PG_VERSION"
    wanted = version_file.read_text().strip() if version_file.exists() else None
    seen: list[str] = []
    for candidate in candidates(bindir):
        major = await _major(candidate)
        if wanted in (None, major):
            copy = partial(readable_copy, candidate, account, place.base)
            return await trio.to_thread.run_sync(copy)
        seen.append(f"{candidate} is {major}")
    raise PostgresFailed(
        f"the database in {place.data} was made by PostgreSQL {wanted}, and {'; '.join(seen)}. "
        f"Install PostgreSQL {wanted}, or remove {place.base} to start with an empty database"
    )


async def _major(bindir: Path) -> str:
    with trio.fail_after(10):
        answer = await trio.run_process([str(bindir / "postgres"), "--version"], capture_stdout=True)
    return answer.stdout.decode().split()[2].split(".")[0]


async def _make_cluster(programs: Path, account: Account, place: Place) -> None:
    """Made aside and renamed when complete, so that an interrupted start leaves nothing half-made."""
    unfinished = place.base / "data.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    command = [str(programs / "initdb"), "-D", str(unfinished), "-U", "e2ad", "-A", "trust", "-E", "UTF8"]
    command += ["--locale=C.UTF-8", "--data-checksums"]
    with trio.move_on_after(INITDB_SECONDS) as scope:
        done = await trio.run_process(
            command,
            check=False,
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            cwd="/",
            **_identity(account),
        )
        if done.returncode:
            raise PostgresFailed(f"initdb failed:\n{done.stdout.decode(errors='replace')[-1500:]}")
        unfinished.rename(place.data)
    if scope.cancelled_caught:
        raise PostgresFailed(f"initdb did not finish within {INITDB_SECONDS:g} s")


def _identity(account: Account) -> dict[str, Any]:
    return {"user": account.uid, "group": account.gid, "extra_groups": []} if account.dropped else {}


@asynccontextmanager
async def _running(
    programs: Path, account: Account, place: Place, settings: Mapping[str, str]
) -> AsyncIterator[Server]:
    command = [str(programs / "postgres"), "-D", str(place.data), "-k", str(place.sockets)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with _open_log(place.log) as output:
        wrapped, options = _launch(command, account)
        # In this thread on purpose, see the top of the module. It blocks for a fork, about a millisecond.
        process = subprocess.Popen(  # noqa: ASYNC220, S603
            wrapped,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_ENVIRONMENT,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for us; we stop the server after our own work
            **options,
        )
    pidfd = os.pidfd_open(process.pid)
    try:
        await _wait_accepting(process, pidfd, place)
        dsn = f"host={place.sockets} user=e2ad dbname=postgres"
        yield Server(dsn, programs, process.pid, place.note, place.log, pidfd)
    finally:
        with trio.move_on_after(sum(seconds for _, seconds in STOP_SECONDS), shield=True):
            await _stop(pidfd)
        process.poll()
        os.close(pidfd)


def _launch(command: list[str], account: Account) -> tuple[list[str], dict[str, Any]]:
    """The command, made to get SIGINT when this thread ends, and run as the account.

    `setpriv` (util-linux) sets the signal after it has changed the identity, as it must be. Without it the
    server would outlive a SIGKILL of ours, until the next start finds it.
    """
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin:/usr/sbin:/sbin")
    if not setpriv or os.path.basename(os.path.realpath(setpriv)) == "busybox":
        return command, _identity(account)
    wrapper = [setpriv, "--pdeathsig", "INT"]
    if account.dropped:
        wrapper += [f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--no-new-privs"]
    return [*wrapper, *command], {}


def _open_log(path: Path) -> IO[bytes]:
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.old"))
    return path.open("ab")


async def _wait_accepting(process: subprocess.Popen[bytes], pidfd: int, place: Place) -> None:
    """The eighth line of postmaster.pid says when the server is ready; pg_ctl reads the same."""
    with trio.move_on_after(START_SECONDS):
        while True:
            state = _postmaster_file(place.data)
            if len(state) > 7 and state[0] == str(process.pid) and state[7] == "ready":
                return
            with trio.move_on_after(0.01) as scope:
                await trio.lowlevel.wait_readable(pidfd)
            if not scope.cancelled_caught:
                raise PostgresFailed(f"PostgreSQL does not start:\n{_last_words(place.log)}")
    raise PostgresFailed(f"PostgreSQL was not ready within {START_SECONDS:g} s:\n{_last_words(place.log)}")


def _postmaster_file(data: Path) -> list[str]:
    try:
        return [line.strip() for line in (data / "postmaster.pid").read_text().splitlines()]
    except (OSError, UnicodeDecodeError):
        return []


async def _stop(pidfd: int) -> None:
    """Stop the process, ever less politely. It need not be a child of ours."""
    for number, seconds in STOP_SECONDS:
        try:
            signal.pidfd_send_signal(pidfd, number)
        except ProcessLookupError:
            return
        with trio.move_on_after(seconds) as scope:
            await trio.lowlevel.wait_readable(pidfd)
        if not scope.cancelled_caught:
            return


async def _stop_orphan(data: Path) -> None:
    """Stop a server that outlived whoever started it. We hold the lock, so it is nobody's.

    A server works in its data directory: that tells it from a stranger that got the same process id.
    """
    state = _postmaster_file(data)
    if not state or not state[0].isdigit():
        return
    pid = int(state[0])
    try:
        pidfd = os.pidfd_open(pid)
    except (ProcessLookupError, OSError):
        return  # dead: PostgreSQL clears up after itself
    try:
        if _works_in(pid, data):
            await _stop(pidfd)
        else:
            # The server would refuse to start for the sake of a process that has nothing to do with it.
            (data / "postmaster.pid").unlink(missing_ok=True)
    finally:
        os.close(pidfd)


def _works_in(pid: int, directory: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == directory.resolve()
    except OSError:
        return False


def _last_words(log: Path) -> str:
    try:
        return log.read_text(errors="replace")[-1500:]
    except OSError as error:
        return str(error)
