"""Entity tags and the If-Match that names them (RFC 9110 sections 8.8.3 and 13.1.1).

A tag is the version of what callers wrote: 16 octets, new with every change, shown as 32 hex digits in quotes. They
are strong; a weak spelling of one is taken all the same, because a proxy on the way may have made it weak.
"""

import re
from typing import Final

from attrs import frozen

from e2ad.core.errors import InvalidRequest

__all__ = ["ANY", "Condition", "etag", "parse_if_match"]

OCTETS: Final = 16
MAX_TAGS: Final = 20

_TAG = re.compile(rf'(?:W/)?"([0-9a-f]{{{2 * OCTETS}}})"')


@frozen
class Condition:
    """Which versions a writer accepts to change. `tags` None is any, as long as there is one."""

    tags: tuple[bytes, ...] | None

    def holds(self, version: bytes) -> bool:
        """Whether it names this version."""
        return self.tags is None or version in self.tags


ANY: Final = Condition(None)
"""`*`: whatever there is."""


def etag(version: bytes) -> str:
    """The header's value for a version."""
    return f'"{version.hex()}"'


def parse_if_match(value: str | None) -> Condition | None:
    """What an If-Match header asks for; None without one.

    A tag that is not one of ours cannot match, and is no mistake of form: it is left out.

    Raises:
        InvalidRequest: the header is there and empty, so that somebody who lost their tag does not
            write over what they have never seen; or it names more versions than anybody has.
    """
    if value is None:
        return None
    value = value.strip()
    if not value:
        raise InvalidRequest("If-Match is empty: send the ETag of what you read, or leave the header out")
    if value == "*":
        return ANY
    parts = value.split(",")
    if len(parts) > MAX_TAGS:
        raise InvalidRequest(f"If-Match names {len(parts)} versions: at most {MAX_TAGS} are looked at")
    matches = (_TAG.fullmatch(part.strip()) for part in parts)
    return Condition(tuple(bytes.fromhex(match[1]) for match in matches if match is not None))
