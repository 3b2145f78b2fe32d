"""Replies of a relay (RFC 5321 section 4.2), read from octets that come in any pieces.

A relay is trusted less than our own server: what it says is bounded in length and number, is
stripped of control characters before anybody reads it, and never ends a line that it did not end.
"""

import re
from typing import Final

from attrs import frozen

__all__ = ["LINE_OCTETS", "REPLY_LINES", "BadReply", "RelayReply", "ReplyReader"]

# RFC 5321 section 4.5.3.1.5 knows 512 octets a line; real relays put links and ids behind their refusals.
LINE_OCTETS: Final = 2_048
REPLY_LINES: Final = 100

#   Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
#   Reply-code = %x32-35 %x30-35 %x30-39
# The second digit is taken as it comes: servers in the field have replies such as 471.
_LINE: Final = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)

#   status-code = class "." subject "." detail                (RFC 3463 section 2)
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?:\s+|$)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class BadReply(Exception):
    """What the relay sent is no reply; the message says why, without quoting it."""


@frozen
class RelayReply:
    """What a relay answered.

    Attributes:
        code: the three digits, 200 to 599.
        enhanced: the enhanced status code (RFC 3463), where the relay gave one of the same class.
        lines: the text of each line, without codes, without control characters.
    """

    code: int
    enhanced: str | None
    lines: tuple[str, ...]

    @property
    def kind(self) -> int:
        """The first digit: 2 done, 3 go on, 4 not now, 5 never."""
        return self.code // 100

    @property
    def text(self) -> str:
        """The text in one line."""
        return " ".join(line for line in self.lines if line)

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.code), self.enhanced, self.text) if part)


class ReplyReader:
    """Octets in, replies out."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._searched = 0
        self._code = 0
        self._lines: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Is there nothing that a question has not been asked for?"""
        return not self._buffer and not self._lines

    def receive_data(self, data: bytes) -> None:
        """Take octets from the relay."""
        self._buffer += data

    def next_reply(self) -> RelayReply | None:
        """The next complete reply, or None while octets are missing.

        Raises:
            BadReply: a line or the reply as a whole is too long, a line is no reply line, or the
                lines of one reply have different codes. There is no way to go on.
        """
        while (end := self._buffer.find(b"\n", self._searched)) >= 0:
            line = bytes(self._buffer[:end]).removesuffix(b"\r")
            del self._buffer[: end + 1]
            self._searched = 0
            if end >= LINE_OCTETS:
                raise BadReply(f"a line of the reply is longer than {LINE_OCTETS} octets")
            reply = self._take(line)
            if reply is not None:
                return reply
        self._searched = len(self._buffer)
        if self._searched >= LINE_OCTETS:
            raise BadReply(f"a line of the reply is longer than {LINE_OCTETS} octets")
        return None

    def _take(self, line: bytes) -> RelayReply | None:
        match = _LINE.fullmatch(line)
        if match is None:
            raise BadReply("the answer is no SMTP reply")
        code = int(match[1])
        if self._lines and code != self._code:
            raise BadReply("the lines of one reply have different codes")
        self._code = code
        self._lines.append(_CONTROL.sub("?", (match[3] or b"").decode("utf-8", "replace")))
        if match[2] != b"-":
            lines, self._lines = self._lines, []
            return _reply(code, lines)
        if len(self._lines) >= REPLY_LINES:
            raise BadReply(f"the reply has more than {REPLY_LINES} lines")
        return None


def _reply(code: int, lines: list[str]) -> RelayReply:
    found = _ENHANCED.match(lines[0])
    # RFC 3463 section 2: the class repeats that of the reply code. One that does not is only text.
    if found is None or found[1][0] != str(code)[0]:
        return RelayReply(code, None, tuple(line.strip() for line in lines))
    enhanced = found[1]
    texts = (line[match.end() :] if (match := _ENHANCED.match(line)) else line for line in lines)
    return RelayReply(code, enhanced, tuple(text.strip() for text in texts))
