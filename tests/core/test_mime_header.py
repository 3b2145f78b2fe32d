"""Header sections, encoded words and parameters, as the wild writes them."""

import pytest

from e2ad.core.defects import Defects
from e2ad.core.mime_header import base64_bytes, decode_words, parameter_text, parameters, read_header_section

WORDS = {
    "plain": "plain",
    "=?utf-8?Q?a_b=C3=A9?=": "a bé",
    "=?UTF-8?b?w6k=?=": "é",
    "=?utf-8?B?w6k?=": "é",
    "=?utf-8?B?4oI=?= =?utf-8?B?rA==?=": "€",
    "=?utf-8?Q?a?= =?utf-8?Q?b?=": "ab",
    "=?utf-8?Q?a?= b =?utf-8?Q?c?=": "a b c",
    "=?utf-8?Q?a?==?utf-8?Q?b?=": "ab",
    "x=?utf-8?Q?a?=y": "xay",
    "=?utf-8*en?Q?a?=": "a",
    "=?utf-8?Q?really??=": "really?",
    "=?utf-8?Q?two words?=": "two words",
    "=?iso-8859-1?Q?=80?=": "€",
    "=?gb2312?B?u9i4tA==?=": "回复",
    "=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=": "日本",
    "=?ks_c_5601-1987?B?yLi9xQ==?=": "회신",
    "=?x-nope?Q?a?=": "=?x-nope?Q?a?=",
    "=?utf-8?X?a?=": "=?utf-8?X?a?=",
    "=?utf-8?Q?a=0D=0Ab=00?=": "a b",
    "=?utf-8?Q??=": "",
    "a\r\n b\tc": "a b c",
}


@pytest.mark.parametrize(("text", "expected"), WORDS.items())
def test_decode_words(text: str, expected: str) -> None:
    assert decode_words(text, Defects()) == expected


PARAMETERS = {
    b"a; filename=x.pdf": "x.pdf",
    b'a; filename="x;y \\"z\\".pdf"': 'x;y "z".pdf',
    b"a; filename = x y.pdf ; b=c": "x y.pdf",
    b"a; FileName=x": "x",
    b'a; filename="never closed': "never closed",
    b"a; filename*=utf-8''%C3%A9.pdf": "é.pdf",
    b"a; filename*=iso-8859-1'de'%E9.pdf": "é.pdf",
    b"a; filename*0=a; filename*1=b": "ab",
    b"a; filename*1=b; filename*0=a": "ab",
    b"a; filename*0*=utf-8''%C3; filename*1*=%A9; filename*2=\".pdf\"": "é.pdf",
    b"a; filename*0=a; filename*2=c": "a",
    b"a; filename=fallback; filename*=utf-8''%C3%A9": "é",
    b"a; filename==?utf-8?Q?=C3=A9?=": "é",
    b"a; filename=\xe9.pdf": "é.pdf",
    b"a; filename=\xc3\xa9.pdf": "é.pdf",
    b"filename=x": "x",
    b"a;;; ;filename=x": "x",
    b"a; filename": "",
    b"a; filename*9999=x": "",
}


@pytest.mark.parametrize(("value", "expected"), PARAMETERS.items())
def test_parameters(value: bytes, expected: str) -> None:
    _, found = parameters(value, Defects())
    assert parameter_text(found.get("filename", ""), Defects()) == expected


def test_the_first_token_is_lower_case() -> None:
    assert parameters(b" Text/PLAIN ; x=y", Defects())[0] == "text/plain"
    assert parameters(b"filename=x", Defects())[0] == ""


def test_fields_are_unfolded_in_order() -> None:
    raw = b"A: 1\r\n 2\r\nb : 3\r\nA:4\r\n\r\nbody"
    section = read_header_section(raw, 0, len(raw), Defects())
    assert section.fields == (("a", b" 1 2"), ("b", b" 3"), ("a", b"4"))
    assert raw[section.body_at :] == b"body"
    assert (section.first("a"), section.all("a"), section.first("c")) == (b" 1 2", [b" 1 2", b"4"], None)


SEPARATORS = {
    b"\r\nbody": b"body",
    b"\nbody": b"body",
    b"A: 1\n\nbody": b"body",
    b"A: 1\n\r\nbody": b"body",
    b"A: 1\r\n\r\n\r\nbody": b"\r\nbody",
    b"A: 1\r\n": b"",
    b"A: 1": b"",
    b"": b"",
    b"body alone": b"body alone",
    b"A: 1\r\nbody": b"body",
    b"A: 1\n\nx\r\n\r\ny": b"x\r\n\r\ny",
}


@pytest.mark.parametrize(("raw", "body"), SEPARATORS.items())
def test_where_the_body_starts(raw: bytes, body: bytes) -> None:
    assert raw[read_header_section(raw, 0, len(raw), Defects()).body_at :] == body


def test_a_from_behind_a_line_that_is_no_field_is_counted() -> None:
    raw = b"From: a@b\r\njunk\r\nFROM : c@d\r\n\r\nFrom: body"
    assert read_header_section(raw, 0, len(raw), Defects()).hidden_from == 1


@pytest.mark.parametrize(
    ("data", "decoded", "whole"),
    [
        (b"YWJj", b"abc", True),
        (b"YW\r\nJj", b"abc", True),
        (b"YWI", b"ab", False),
        (b"YWJjZ", b"abc", False),
        (b"", b"", True),
    ],
)
def test_base64(data: bytes, decoded: bytes, whole: bool) -> None:
    assert base64_bytes(data) == (decoded, whole)
