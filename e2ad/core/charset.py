"""Bytes to clean text, whatever charset a mail claims.

Only a closed table of codecs is used. `codecs.lookup` would import a module for each name it does
not know and remember the failure for ever, and some codecs that it does know are not charsets
(`unicode_escape`) or take quadratic time (`punycode`); a stranger must not choose among them.
"""

import re
from encodings.aliases import aliases
from typing import Final

from e2ad.core.defects import Defects

__all__ = ["clean", "clean_line", "codec_for", "decode", "decode_raw_header", "truncate"]

_NOT_CHARSETS: Final = frozenset(
    [
        "base64_codec",
        "bz2_codec",
        "hex_codec",
        "idna",
        "mbcs",
        "oem",
        "palmos",
        "punycode",
        "quopri_codec",
        "raw_unicode_escape",
        "rot_13",
        "undefined",
        "unicode_escape",
        "uu_codec",
        "zlib_codec",
    ]
)
_WITHOUT_ALIAS: Final = [
    "cp720",
    "cp737",
    "cp856",
    "cp874",
    "cp875",
    "cp1006",
    "koi8_u",
    "koi8_t",
    "koi8_r",
    "mac_arabic",
    "mac_croatian",
    "mac_farsi",
    "mac_romanian",
    "utf_8_sig",
    "iso8859_1",
    "iso8859_15",
    "shift_jis",
    "euc_kr",
    "gbk",
    "gb18030",
    "big5",
    "utf_8",
    "utf_16",
    "utf_32",
    "ascii",
]
# What senders mean is a superset of what they say (the WHATWG Encoding Standard's labels agree).
_MEANT: Final = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "iso8859_9": "cp1254",
    "tis_620": "cp874",
    "iso8859_11": "cp874",
    "big5": "big5hkscs",
    "utf_8_sig": "utf_8",
}
_MORE_NAMES: Final = {
    "unicode11utf8": "utf_8",
    "utf8mb4": "utf_8",
    "xunknown": "",
    "unknown8bit": "",
    "8bit": "",
    "default": "",
    "ansi": "cp1252",
    "ansix341968": "ascii",
    "xansi": "cp1252",
    "xcp1252": "cp1252",
    "xsjis": "cp932",
    "windows31j": "cp932",
    "cswindows31j": "cp932",
    "msgothic": "cp932",
    "xeucjp": "euc_jp",
    "xgbk": "gb18030",
    "xmacroman": "mac_roman",
    "macintosh": "mac_roman",
    "macroman": "mac_roman",
    "xmaccyrillic": "mac_cyrillic",
    "windows949": "cp949",
    "ksc56011987": "cp949",
    "ksc56011989": "cp949",
    "windows874": "cp874",
    "dos874": "cp874",
    "visual": "iso8859_8",
    "iso88598i": "iso8859_8",
    "iso88598e": "iso8859_8",
    "iso88596i": "iso8859_6",
    "iso88596e": "iso8859_6",
    "koi8u": "koi8_u",
    "koi8ru": "koi8_u",
    "big5eten": "big5hkscs",
    "xxbig5": "big5hkscs",
    "iso10646ucs2": "utf_16",
    "ucs2": "utf_16",
    "unicode": "utf_16",
    "iso10646ucs4": "utf_32",
    "ucs4": "utf_32",
    "unicode20utf7": "utf_7",
}
_NOT_ALPHANUMERIC: Final = re.compile(r"[^0-9a-z]+")
_SURROGATES: Final = re.compile("[\ud800-\udfff]")
_BREAKS: Final = re.compile("[\x00-\x20\x7f-\xa0\u2028\u2029]+")
_C1: Final = re.compile("[\x80-\x9f]")


def _squash(name: str) -> str:
    return _NOT_ALPHANUMERIC.sub("", name.lower())


def _table() -> dict[str, str]:
    table = {}
    for alias, codec in aliases.items():
        if codec not in _NOT_CHARSETS:
            table[_squash(alias)] = table[_squash(codec)] = _MEANT.get(codec, codec)
    for codec in _WITHOUT_ALIAS:
        table[_squash(codec)] = _MEANT.get(codec, codec)
    for number in range(1250, 1259):
        table[f"windows{number}"] = table[f"xcp{number}"] = f"cp{number}"
    return {**table, **_MORE_NAMES}


_CODECS: Final = _table()


def codec_for(charset: str) -> str | None:
    """The Python codec for a charset's name, "" where the name says that nobody knows, None for strangers."""
    return _CODECS.get(_squash(charset[:80]))


def decode(data: bytes, charset: str, defects: Defects) -> str:
    """Decode leniently; never fails.

    Without a (known) charset UTF-8 is tried, then Windows-1252, the superset of Latin-1 that
    mislabelled mail is written in. Bytes that fit nothing become U+FFFD and a defect.
    """
    codec = codec_for(charset) if charset else ""
    if codec is None:
        defects.add("unknown-charset")
    if not codec or codec == "ascii":
        return _guess(data)
    if codec == "iso8859_1":
        return _latin(data)
    try:
        text = data.decode(codec)
    except (UnicodeError, ValueError):
        defects.add("undecodable-bytes")
        text = _replacing(data, codec)
    return text[1:] if text.startswith("\ufeff") else text


def _replacing(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec, "replace")
    except (UnicodeError, ValueError):  # a few multi-byte codecs refuse even so
        return data.decode("ascii", "replace")


def _guess(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return _latin(data)
    return text[1:] if text.startswith("\ufeff") else text


def _latin(data: bytes) -> str:
    text = data.decode("latin-1")
    return data.decode("cp1252", "replace") if _C1.search(text) else text


def decode_raw_header(value: bytes) -> str:
    """A header field's unencoded bytes: UTF-8 as RFC 6532 has it, else Latin-1 as the wild has it."""
    return _guess(value)


def clean(text: str) -> str:
    """Make any string storable: no NUL (PostgreSQL), no lone surrogate (UTF-8)."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = _SURROGATES.sub("\ufffd", text)
    return text


def clean_line(text: str) -> str:
    """`clean`, on one line: each run of blanks, controls and line ends of any alphabet becomes one space."""
    return clean(_BREAKS.sub(" ", text)).strip()


def truncate(text: str, octets: int) -> tuple[str, bool]:
    """Cut clean text so that its UTF-8 form fits; the second value says whether anything went."""
    if len(text) * 4 <= octets:
        return text, False
    encoded = text.encode("utf-8")
    if len(encoded) <= octets:
        return text, False
    return encoded[:octets].decode("utf-8", "ignore"), True
