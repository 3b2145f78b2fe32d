"""What had to be mended while a mail was read, as short stable words in the order of discovery."""

from typing import Final

__all__ = ["DEFECTS", "Defects"]

DEFECTS: Final = {
    "boundary-not-found": "a multipart whose boundary never occurs; its content is taken as text",
    "duplicate-from": "more than one From field, so the mail has no author",
    "empty": "no bytes at all",
    "from-not-one-mailbox": "From does not hold exactly one mailbox, so the mail has no author",
    "header-section-too-big": "fields beyond the limit were not read",
    "malformed-base64": "characters were missing or foreign",
    "malformed-encoded-word": "an RFC 2047 word that could not be decoded was left as it stands",
    "malformed-header-line": "a line in the header section is no field",
    "missing-boundary": "a multipart without a boundary parameter; its content is taken as text",
    "missing-close-boundary": "a multipart that never ends; its last part runs to the end",
    "missing-header-separator": "no empty line between header section and body",
    "no-from": "no From field",
    "too-deep": "multiparts nested beyond the limit were left opaque",
    "too-many-addresses": "addresses beyond the limit were left out",
    "too-many-parts": "parts beyond the limit were left opaque",
    "undecodable-bytes": "bytes that do not fit the charset became U+FFFD",
    "unknown-charset": "a charset nobody knows; UTF-8 and Windows-1252 were tried",
    "unknown-transfer-encoding": "a Content-Transfer-Encoding nobody knows; the bytes were taken as they are",
}


class Defects:
    """A set that remembers order; filled by the readers of one mail, then frozen into its result."""

    def __init__(self) -> None:
        self._words: dict[str, None] = {}

    def add(self, word: str) -> None:
        """Note one kind of defect; saying it twice changes nothing.

        Raises:
            KeyError: the word is not in the vocabulary.
        """
        if word not in DEFECTS:
            raise KeyError(word)
        self._words[word] = None

    def __contains__(self, word: str) -> bool:
        return word in self._words

    def frozen(self) -> tuple[str, ...]:
        """The words, in order of discovery."""
        return tuple(self._words)
