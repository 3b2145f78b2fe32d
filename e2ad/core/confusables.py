"""Which texts look alike to a person, or mean the same to a reader: the fold that addresses are searched by.

A fold is coarse on purpose. It serves to find an address in whatever spelling, and to notice that one
resembles another; that two addresses are the same is never concluded from it. Both sides are folded alike,
character by character, so that the fold of a text contains the fold of each of its parts.

What goes: case, accents, fullwidth and mathematical forms, letters of other scripts that look Latin
(Unicode Technical Standard 39 has the idea; the table here is the part of it that an address can use),
everything invisible, and all punctuation but the at sign. `1`, `i` and `l` are one letter, `0` is `o`, and
`m`, `w` and `d` are the pairs that they are painted with: `rn`, `vv` and `cl`.
"""

import re
import unicodedata
from typing import Final

__all__ = ["ascii_lower", "domain_labels", "fold", "local_base", "read_punycode", "read_tags", "skeleton"]

# By letter: what looks like it and is not brought to it by compatibility decomposition. A capital is
# looked up before it is folded, since a Greek capital looks like another letter than its small form.
_LOOKALIKES: Final = {
    "a": "𖽀𐊠ᴀɑαаΑАᎪᗅꓮꭺӕæ⍺ɐ",
    "b": "Ꞵꞵ𐊂𐊡𐌁ƄƅЬᏏᑲᖯΒВᏴᗷꓐɓƃƂБҌҍßβвʙᛒ",
    "c": "🝌𑣲𑣩𐊢𐌂𐐕𐐽𐔜ᴄϲⲥсꮯϹⲤСᏟꓚȼҫҪƈ¢ςↄ",
    "d": "ᴅԁᏧᑯꓒᎠᗞᗪꓓɗɖƌđĐÐðꭰ",
    "e": "⋿𑢦𑢮𐊆ᴇ℮ꬲеҽΕЕⴹᎬꓰɇɆҿəεєɛё",
    "f": "ſ𝈓𑣂𑢢𐊇𐊥𐔥ꜰꬵꞙẝքϜᖴꓝƒƑꞘ",
    "g": "ɡᶃƍցԌᏀᏳꓖɠǥǤԍɢ",
    "h": "𐋏һհᏂΗⲎНᎻᕼꓧнħĦћҺʜꮋ",
    "i": "˛⍳ͺ𑣃￨𐌠ⵏ𖼨𐊊𐌉𝈪Ⳑⳑ𖼖𑢣𑢲𐐛𐔦ıɪɩιіꙇӏᎥɨᵻΙІӀᏆǀƖ∣⏽⵰ɭłŁƚⲒᏞᒪꓡꓲוןاᛁʟΪїЇ",
    "j": "ᴊϳјͿЈᎫᒍꓙɉɈյʝ",
    "k": "𐔘ΚⲔКᏦᛕꓗƙⱩҚκкҟҝқᴋ",
    "m": "ᛖ𐊰𐌑ΜϺⲘМᎷᗰꓟмӍᴍꮇ",
    "n": "𐔓ոռΝⲚꓠɳƞηпɴŋиИͷ",
    "o": "ంಂംංဝዐଠ𐓂𐓪𑢵𑣈𑣗𐐬𐊒𐊫𐐄𐔖ꬽ۵οσοоօΟОՕⲞⲟⵔꓳøØɵӨөοഠ໐ഠ๐ᴏᴑჿօ०০੦૦௦౦೦൦၀〇ѳѲ߀٥ەہס",
    "p": "𐊕⍴ρϱрΡРᏢᑭꓑƥⲢⲣþᴘ",
    "q": "ⵕԛգզʠԚ",
    "r": "ⲅⲄ𝈖𐒴𖼵гᴦꭇꭈꮁᎡᏒᖇꓣɽɼɍʀ",
    "s": "𑣁𐑈𖼺𐊖𐐠ꜱƽѕꮪЅՏᏕᏚꓢʂ",
    "t": "⊤⟙🝨𖼊𑢼𐊗𐊱𐌕ΤТᎢꓔτтƭŧŦȾⲦᴛ",
    "u": "∪⋃ሀ𐓎𐓶𖽂𑢸𑣘ꭎꭒꞟᴜʋυսՍᑌꓴцμʉԱՄ",
    "v": "𝈍۷ⴸꛟ𖼈𑢠𑣀𐔝𑜆∨⋁ᴠνѵѴᏙᐯꓦ",
    "w": "𑣯𑣦𑜊𑜎𑜏ɯᴡѡԝաԜᎳᏔꓪшωʍ",
    "x": "᙭╳᙮⤫⤬⨯𐌢𑣬Ꭓꭓᚷ𐊐𐊴𐌗𐔧×хΧХᕁᕽⲬⵝꓫχҳ✕✖",
    "y": "ⲨⲩỿꭚყႸ𑣜𖽃𑢤𐊲ɣᶌʏγуүΥУҮᎩᎽꓬƴɏұ",
    "z": "𐋵𑣥𑢩𑣄ᴢꮓΖᏃꓜʐƶƵȥȤ",
    "2": "ꝚꛯƧϨꙄᒿƻ",
    "3": "𝈆Ꝫꝫ𖼻𑣊ƷȜЗӠзҘꓱɜ",
    "5": "Ƽ",
    "6": "𑣕бᏮⳒ",
    "8": "ଃ੪𐌚৪ȣȢ",
    "9": "੧୨Ⳋⳋ𑣌𑢬𑣖৭൭Ꝯ",
}
# Letters whose decomposition is not what they look like.
_PAIRS: Final = {
    "ꝏ": "oo",
    "Ꝏ": "oo",
    "∞": "oo",
    "ꜳ": "aa",
    "Ꜳ": "aa",
    "ꜵ": "ao",
    "Ꜵ": "ao",
    "ꜷ": "au",
    "Ꜷ": "au",
    "ʣ": "dz",
    "ʦ": "ts",
    "œ": "oe",
    "Œ": "oe",
    "þ": "p",
    "Þ": "p",
    "Ю": "lo",
    "ю": "lo",
    "Ы": "bl",
    "ы": "bl",
    "№": "no",
}

_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zs", "Zl", "Zp", "Mn", "Me", "Mc"})
_MOST_REMEMBERED: Final = 40_000

_A_LABEL: Final = re.compile(r"(?i:xn--)([a-z0-9\-]{1,59})", re.IGNORECASE)
_TAG_CHARACTERS: Final = re.compile("[\U000e0020-\U000e007e]")
_TAGS_TO_ASCII: Final = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}


def _ascii_fold(character: str) -> str:
    lower = character.lower()
    if lower in "1i|":
        return "l"
    if lower == "0":
        return "o"
    return lower if lower.isalnum() or lower == "@" else ""


_ASCII: Final = {chr(code): _ascii_fold(chr(code)) for code in range(128)}


class _Fold(dict[int, str | None]):
    """A table for `str.translate` that works out what it does not know yet, and remembers a bounded part of it."""

    def __missing__(self, code: int) -> str:
        found = _fold_one(chr(code))
        if len(self) < _MOST_REMEMBERED:
            self[code] = found
        return found


def _fold_one(character: str) -> str:
    if (known := _KNOWN.get(character)) is not None:
        return known
    if unicodedata.category(character) in _INVISIBLE:
        return ""
    return "".join(_fold_part(part) for part in unicodedata.normalize("NFKD", character))


def _fold_part(part: str) -> str:
    if part.isascii():
        return _ASCII[part]
    if (known := _KNOWN.get(part)) is not None:
        return known
    if unicodedata.category(part) in _INVISIBLE:
        return ""
    if (digit := unicodedata.digit(part, None)) is not None:
        return _ASCII[str(digit)]
    lower = unicodedata.normalize("NFKD", part.casefold())
    return "".join(_KNOWN.get(one, _ASCII.get(one, one)) for one in lower if _ASCII.get(one, one).isalnum())


_KNOWN = {lookalike: _ascii_fold(letter) for letter, lookalikes in _LOOKALIKES.items() for lookalike in lookalikes} | {
    character: "".join(map(_ascii_fold, pair)) for character, pair in _PAIRS.items()
}
# White on black, in circles and in squares, and the halves of flags: symbols without a decomposition.
_KNOWN |= {chr(first + n): _ascii_fold(chr(97 + n)) for first in (0x1F150, 0x1F170, 0x1F1E6) for n in range(26)}
# Plain text is most text: with one character or none for each of these, `str.translate` has a fast way.
_TABLE: Final = _Fold({ord(character): folded or None for character, folded in _ASCII.items()})


def fold(text: str) -> str:
    """The text as it is searched: letters, digits and at signs, alike where they look alike. Linear."""
    return text.translate(_TABLE).replace("m", "rn").replace("w", "vv").replace("d", "cl")


def local_base(local_part: str) -> str:
    """A local part without quotes and without its plus-tag, the tag's sign in any of its forms."""
    if local_part[:1] == '"' and local_part[-1:] == '"' and len(local_part) > 1:
        local_part = re.sub(r"\\(.)", r"\1", local_part[1:-1])
    base = re.split(r"[+\N{FULLWIDTH PLUS SIGN}\N{SMALL PLUS SIGN}]", local_part, maxsplit=1)[0]
    return base or local_part


def domain_labels(domain: str) -> list[str]:
    """The labels as people see them: A-labels decoded, however strange what comes out."""
    return read_punycode(domain).replace("\N{IDEOGRAPHIC FULL STOP}", ".").split(".")


def skeleton(address: str) -> str:
    """What two addresses have in common that look alike, or that lead to one mailbox. Total."""
    local_part, _, domain = address.rpartition("@")
    folded = fold(local_base(local_part)) or local_part
    return f"{folded}@{'.'.join(fold(label) for label in domain_labels(domain))}"


def read_punycode(text: str) -> str:
    """The text with its A-labels decoded; what cannot be decoded stays."""
    return _A_LABEL.sub(_decoded_label, text)


def _decoded_label(label: re.Match[str]) -> str:
    # Not by the rules of IDNA: a label that no registry would issue is still what somebody wrote.
    try:
        return label[1].lower().encode("ascii").decode("punycode")
    except (UnicodeError, ValueError, OverflowError):
        return label[0]


def read_tags(text: str) -> str:
    """The text with Unicode's invisible tag characters made the ASCII that they stand for; models read them."""
    return text.translate(_TAGS_TO_ASCII) if _TAG_CHARACTERS.search(text) else text


def ascii_lower(text: str) -> str:
    """ASCII letters in lower case and nothing else: `str.lower` would make a Kelvin sign a plain k."""
    return text.translate(_LOWER)


_LOWER: Final = {code: chr(code).lower() for code in range(ord("A"), ord("Z") + 1)}
