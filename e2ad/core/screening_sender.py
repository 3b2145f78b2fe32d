"""Who a mail says it is from, in words that authentication does not cover: display names and spellings.

DMARC proves a domain, not that it is the one a reader thinks of. A display name is free text; it may even hold
an address, which mailing lists put there honestly.
"""

import re
from collections.abc import Iterator
from typing import Final

from e2ad.core.confusables import fold, read_punycode
from e2ad.core.screening_characters import is_mixed
from e2ad.core.screening_links import odd_host, organization
from e2ad.core.screening_material import Material, Signal, excerpt

__all__ = ["sender_signals"]

_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@((?:[\w-]{1,63}\.){1,6}[^\W\d_]{2,24})")
_DOMAIN: Final = re.compile(
    r"(?<![\w@.-])((?:[^\W_][\w-]{0,62}\.){1,4}(?:com|org|net|io|gov|edu|eu|de|fr|uk|ch|at|nl|pl|it|es|ru|cn|jp|info|biz|bank|app))\b",
    re.I,
)
_VIA: Final = re.compile(r"\b(?:via|über|par|por|przez|from|on behalf of)\b", re.IGNORECASE)
_REVERSED: Final = re.compile("[\u202a-\u202e\u2066-\u2069]")
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


def sender_signals(material: Material) -> Iterator[Signal]:
    """What name and address of the sender say besides what was authenticated."""
    if material.lookalike_of is not None:
        summary = f"the sender looks like {excerpt(material.lookalike_of)} but is another"
        yield Signal("lookalike_sender", 0.8, summary, excerpt(material.header_from or ""))
    if material.continuity == "break":
        yield Signal("sender_break", 0.4, "the sender authenticates otherwise than ever before")
    name = material.sender_name[:1000]
    domain = (material.header_from or "").rpartition("@")[2].lower()
    if domain and odd_host(domain):
        yield Signal("lookalike_sender", 0.6, "the sender's domain mixes scripts", excerpt(read_punycode(domain)))
    if not name:
        return
    if any(is_mixed(word) for word in _WORD.findall(name)):
        yield Signal("homoglyphs", 0.4, "the sender's name mixes letters that look alike", excerpt(name))
    if _REVERSED.search(name):
        yield Signal("bidi_override", 0.4, "the sender's name changes the direction of reading", excerpt(name))
    if domain:
        yield from _claims(name, domain, material.header_from or "")


def _claims(name: str, domain: str, address: str) -> Iterator[Signal]:
    claimed = _ADDRESS.search(name)
    if claimed is not None:
        if claimed[0].lower() == address.lower() or organization(claimed[1]) == organization(domain):
            return
        # Lists rewrite the author so: "ada@example.com via Sailing".
        score = 0.15 if _VIA.search(name) else 0.6
        yield Signal("deceptive_name", score, "the sender's name shows another address", excerpt(name))
        return
    named = _DOMAIN.search(name)
    if named is None or organization(named[1]) == organization(domain):
        return
    if fold(organization(named[1]).partition(".")[0]) == fold(organization(domain).partition(".")[0]):
        return
    score = 0.1 if _VIA.search(name) else 0.4
    yield Signal("deceptive_name", score, "the sender's name shows another domain", excerpt(name))
