"""A terminal of a reader of the README: one shell, in one folder, in which what is typed is run as it stands.

What differs from the page is put in here and nowhere else: ports, so that free ones are used, and `msg_…`, `evt_…` and
`whsec_…`, for which the reader takes what was printed before.
"""

import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from attrs import define, field

from tests.live.running import wait_until
from tests.live.serving import family

COMMAND_SECONDS = 60

PLACES = {
    "msg_…": re.compile(r"msg_[0-9a-f]{32}"),
    "evt_…": re.compile(r"evt_[0-9a-f]{32}"),
    "whsec_…": re.compile(r"whsec_[0-9a-f]{64}"),
}


@define
class Ran:
    """A command that has ended, or goes on in the background.

    Attributes:
        kept: where its output is, but for the ending of the name.
    """

    command: str
    status: int
    kept: Path

    @property
    def out(self) -> str:
        """What it has written to stdout so far."""
        return self.kept.with_suffix(".out").read_text()

    @property
    def err(self) -> str:
        """What it has written to stderr so far."""
        return self.kept.with_suffix(".err").read_text()

    def wait_out(self, text: str, seconds: float = 20) -> str:
        """Wait for what a command in the background says; all that it has said so far."""
        try:
            wait_until(lambda: text in self.out, seconds)
        except AssertionError:
            raise AssertionError(f"{self.command} did not say {text!r}: {self.out}{self.err}") from None
        return self.out

    def wait_err(self, text: str, seconds: float = 20) -> str:
        """The same of stderr."""
        wait_until(lambda: text in self.err, seconds)
        return self.err


@define
class Terminal:
    """A shell.

    Attributes:
        kept: where the outputs are kept.
        ports: which port is meant by one that the page names.
    """

    folder: Path
    kept: Path
    ports: Mapping[int, int]
    environ: Mapping[str, str]
    ran: list[Ran] = field(factory=list)
    _process: "subprocess.Popen[str]" = field(init=False)
    _told: int = field(init=False)
    _tell: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._told, self._tell = os.pipe()
        self._process = subprocess.Popen(
            # Whoever started the tests in the background had Ctrl-C ignored, and a shell hands that on.
            ["env", "--default-signal=INT", "bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=self.folder,
            env=dict(self.environ),
            pass_fds=[self._tell],
        )
        self._type("set -m")  # each job has a process group of its own, and Ctrl-C reaches it

    def close(self) -> None:
        """End what still runs in the background, then the shell."""
        try:
            self._type('for job in $(jobs -p); do kill -KILL -- "-$job"; done; exit')
            self._process.wait(10)
        except BrokenPipeError:  # a line that is none has ended it
            self._process.wait(10)
        except subprocess.TimeoutExpired:  # a line that did not end: whatever it has started goes with it
            for pid, _ in family(self._process.pid):
                os.kill(pid, signal.SIGKILL)
            self._process.wait(10)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        os.close(self._told)
        os.close(self._tell)

    def fitted(self, text: str) -> str:
        """A text of the page, with ports that are free."""
        return re.sub(
            r"\b(?:" + "|".join(map(str, self.ports)) + r")\b", lambda found: str(self.ports[int(found[0])]), text
        )

    def run(self, command: str, *, status: int | None = 0, typed: str = "", seconds: float = COMMAND_SECONDS) -> Ran:
        """Run one line of the page to its end.

        Args:
            status: what it has to end with; None: whatever.
            typed: what the reader types while it runs.
        """
        if not typed:
            ran = self._enter(command, "</dev/null", seconds)
        else:
            ours, theirs = os.openpty()
            try:
                os.write(ours, typed.encode())
                ran = self._enter(command, f"<{os.ttyname(theirs)}", seconds)
            finally:
                os.close(ours)
                os.close(theirs)
        if status is not None:
            assert ran.status == status, f"{command}: {ran.status}\n{ran.out}{ran.err}"
        assert "Traceback" not in ran.err, f"{command}\n{ran.err}"
        return ran

    def begin(self, command: str) -> "Going":
        """Begin what runs until Ctrl-C."""
        ran = self._enter(command, "</dev/null", 10, background=True)
        return Going(self, ran, ran.status)

    def _enter(self, command: str, source: str, seconds: float, *, background: bool = False) -> Ran:
        name = self.kept / f"{len(list(self.kept.iterdir())):04}"
        for end in (".out", ".err"):
            name.with_suffix(end).touch()
        said = f"{source} >'{name}.out' 2>'{name}.err'"
        ending = f"& echo $! >&{self._tell}" if background else f"; echo $? >&{self._tell}"
        self._type(f"{{ {self._complete(self.fitted(command))}\n}} {said} {ending}")
        ran = Ran(command, self._number(command, seconds), name)
        self.ran.append(ran)
        return ran

    def _complete(self, command: str) -> str:
        """Put in for each place what was printed last."""
        for place, pattern in PLACES.items():
            if place in command:
                printed = (found[0] for ran in reversed(self.ran) if (found := pattern.search(ran.out)))
                command = command.replace(place, next(printed))
        return command

    def _type(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def _number(self, command: str, seconds: float) -> int:
        """What the shell says about the line: a status, or the number of a process."""
        said = b""
        deadline = time.monotonic() + seconds
        while not said.endswith(b"\n"):
            ready, _, _ = select.select([self._told], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{command} did not end within {seconds} s"
            said += os.read(self._told, 64)
        return int(said)


@define
class Going:
    """What runs until Ctrl-C."""

    terminal: Terminal
    ran: Ran
    group: int

    def stop(self, *, seconds: float = 30) -> int:
        """Ctrl-C; the exit status."""
        os.killpg(self.group, signal.SIGINT)
        return self.terminal.run(f"wait {self.group}", status=None, seconds=seconds).status
