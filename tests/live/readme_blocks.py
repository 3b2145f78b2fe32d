"""The README as what can be run: its fenced blocks, each with a name, and the commands of a shell's block."""

import re
from pathlib import Path

from attrs import frozen

from tests.live.running import ROOT

README = ROOT / "README.md"

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FILE = re.compile(r"`(\w+\.(?:py|mjs))`")


@frozen
class Block:
    """A fenced block.

    Attributes:
        name: its heading, and which it is below that; `receiver.py` for a file that is named in the text before.
        line: where it begins.
    """

    name: str
    language: str
    text: str
    line: int

    @property
    def commands(self) -> list[str]:
        """A shell's commands one by one; one that ends with a backslash goes on in the next line."""
        return self.text.replace("\\\n", " ").splitlines()


def blocks(path: Path = README) -> list[Block]:
    """All blocks, in order."""
    text = path.read_text(encoding="utf-8")
    without_blocks = prose(path)
    headings = [(found.start(), found[1]) for found in HEADING.finditer(without_blocks)]
    listed: list[Block] = []
    for found in FENCE.finditer(text):
        heading = [name for start, name in headings if start < found.start()][-1]
        before = without_blocks[: found.start()].rstrip().rpartition("\n\n")[2]
        files = FILE.findall(before) if found[1] in ("python", "ts") else []
        number = 1 + sum(block.name.startswith(f"{heading} ") for block in listed)
        name = files[-1] if files else f"{heading} {number}"
        listed.append(Block(name, found[1], found[2], text.count("\n", 0, found.start()) + 1))
    return listed


def prose(path: Path = README) -> str:
    """The text beside the blocks, each letter in its place."""
    return FENCE.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), path.read_text(encoding="utf-8"))
