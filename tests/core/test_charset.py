"""Charsets: what senders say, what they mean, and what nobody may choose."""

import codecs
from encodings.aliases import aliases

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.charset import clean, clean_line, codec_for, decode, truncate
from e2ad.core.defects import Defects

DECODED = [
    (b"Gr\xc3\xbc\xc3\x9fe", "utf-8", "Grüße"),
    (b"Gr\xc3\xbc\xc3\x9fe", "", "Grüße"),
    (b"Gr\xfc\xdfe", "", "Grüße"),
    (b"Gr\xfc\xdfe", "us-ascii", "Grüße"),
    (b"\x93x\x94", "iso-8859-1", "“x”"),
    (b"\x80", "windows-1252", "€"),
    ("回复".encode("gbk"), "GB2312", "回复"),
    ("회신".encode("cp949"), "ks_c_5601-1987", "회신"),
    ("日本".encode("iso-2022-jp"), "ISO-2022-JP", "日本"),
    ("日本".encode("cp932"), "x-sjis", "日本"),
    ("Ответ".encode("koi8-r"), "koi8-r", "Ответ"),
    ("ğ".encode("cp1254"), "iso-8859-9", "ğ"),
    ("x".encode("utf-16"), "utf-16", "x"),
    (b"\xef\xbb\xbfx", "utf-8", "x"),
    (b"x", "unknown-8bit", "x"),
    (b"x", "'utf-8'", "x"),
]


@pytest.mark.parametrize(("data", "charset", "text"), DECODED)
def test_decode(data: bytes, charset: str, text: str) -> None:
    defects = Defects()
    assert decode(data, charset, defects) == text
    assert defects.frozen() == ()


def test_what_does_not_fit_is_replaced_and_said() -> None:
    defects = Defects()
    assert decode(b"a\xff", "utf-8", defects) == "a\ufffd"
    assert decode(b"\xfc", "klingon", defects) == "ü"
    assert defects.frozen() == ("undecodable-bytes", "unknown-charset")


@pytest.mark.parametrize(
    "name", ["unicode_escape", "raw_unicode_escape", "idna", "punycode", "zip", "hex", "rot13", "uu"]
)
def test_codecs_that_are_no_charsets_are_strangers(name: str) -> None:
    assert codec_for(name) is None


def test_every_charset_that_python_knows_is_known() -> None:
    no_charsets = {"idna", "punycode", "mbcs", "oem", "palmos", "unicode_escape", "raw_unicode_escape", "undefined"}
    names = {
        name for name, codec in aliases.items() if codec not in no_charsets and codecs.lookup(codec)._is_text_encoding
    }
    assert len(names) > 250
    assert [name for name in sorted(names) if not codec_for(name)] == []


@given(st.binary(), st.sampled_from(sorted({*aliases, "", "x-klingon", "utf-8-sig", "unicode"})))
def test_any_bytes_decode_in_any_charset(data: bytes, charset: str) -> None:
    clean(decode(data, charset, Defects())).encode("utf-8")


def test_clean() -> None:
    assert clean("a\0b\ud800c") == "ab\ufffdc"
    assert clean_line(" a\r\n\tb\u2028c\x85d\x7f ") == "a b c d"


@given(st.text(), st.integers(0, 40))
def test_truncate_never_exceeds_and_never_breaks(text: str, octets: int) -> None:
    text = clean(text)
    kept, cut = truncate(text, octets)
    assert text.startswith(kept)
    assert len(kept.encode()) <= octets
    assert cut == (kept != text)
