"""Files of contacts: every sane dialect is read, every other is refused whole or by its line."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.cli.contact_files import Line, Unusable, read_lines

ADA = {"address": "ada@b.test"}
NAMED = ADA | {"display_name": "Ada L."}
FULL = NAMED | {"metadata": {"Company": "Acme; Sons"}}


def rows(octets: bytes, **columns: Any) -> list[tuple[int, Any]]:
    return [(line.number, line.row or line.problem) for line in read_lines(octets, **columns)]


@pytest.mark.parametrize(
    "octets",
    [
        b"email,name\nada@b.test,Ada L.\n",
        b"\xef\xbb\xbfEmail,Name\r\nada@b.test,Ada L.\r\n",
        b"Name;E-Mail\nAda L.;ada@b.test",
        b"name\taddress\nAda L.\tada@b.test\n",
        b"E-mail Address|Full Name\n ada@b.test | Ada L. \n",
        b"sep=;\r\nemail;name\r\nada@b.test;Ada L.\r\n",
        b'"email", "name"\n"ada@b.test", "Ada L."\n',
        "\ufeffemail,name\nada@b.test,Ada L.\n".encode("utf-16"),
        b"email,name\rada@b.test,Ada L.\r",
        b"\n\nemail,name\n,\n\nada@b.test,Ada L.\n\n",
        b"ada@b.test,Ada L.\n",
        b"Ada L.;ada@b.test\n",
        b'{"address": "ada@b.test", "display_name": "Ada L."}\n',
        b'{"email": "ada@b.test", "name": "Ada L."}\n\n',
        b'[{"email": "ada@b.test", "name": "Ada L."}]',
        b'{\n"contacts": [\n{"address": "ada@b.test", "display_name": "Ada L."}]}',
        b'{"items": [{"address": "ada@b.test", "name": "Ada L.", "source": "manual", "created_at": "x"}], "n": 1}',
    ],
)
def test_every_sane_dialect(octets: bytes) -> None:
    assert [row for _, row in rows(octets)] == [NAMED]


def test_columns_by_their_names_and_the_rest_as_metadata() -> None:
    octets = b'Who;Contact;Company\nAda L.;ada@b.test;"Acme; Sons"\n'
    assert rows(octets, email_column="contact", name_column="WHO") == [(2, FULL)]
    assert rows(b"who,mail\nx,ada@b.test\n", name_column="who") == [(2, ADA | {"display_name": "x"})]
    assert rows("e-mail,Größe\nada@b.test,M\n".encode("cp1252"), encoding="cp1252") == [
        (2, ADA | {"metadata": {"Größe": "M"}})
    ]
    objects = b'{"email": "ada@b.test", "age": 3, "x": null, "metadata": {"age": 4}, "import_batch_id": "i"}'
    assert rows(objects) == [(1, ADA | {"metadata": {"age": 4}})]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    octets = b'email,note\n\na@b.test,"two\nlines"\nb@b.test,\n,nobody\nc@b.test,x,y\n'
    assert rows(octets) == [
        (3, {"address": "a@b.test", "metadata": {"note": "two\nlines"}}),
        (5, {"address": "b@b.test"}),
        (6, "no address"),
        (7, "it has 3 cells, and there are 2 columns"),
    ]
    assert rows(b'{"email":"a@b.test"}\nnonsense\n[1]\n{"name":"x"}\n') == [
        (1, {"address": "a@b.test"}),
        (2, "this is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (3, "this is no object"),
        (4, "no address"),
    ]
    assert [number for number, _ in rows(b"a@b.test\n\nb@b.test\n")] == [1, 3]


@pytest.mark.parametrize(
    ("octets", "columns", "words"),
    [
        (b"", {}, "nothing in it"),
        (b"\xef\xbb\xbf \n", {}, "nothing in it"),
        (b" , \n,\n", {}, "nothing in it"),
        (b"sep=;\n", {}, "nothing in it"),
        (b"email,name\n", {}, "only the heads"),
        (b"[]", {}, "only the heads"),
        (b"email,n\nada@b.test,M\xfcller\n", {}, "line 2 is not UTF-8"),
        (b"email\nx\n", {"encoding": "klingon"}, "no encoding is called"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", {}, "line 1 is not UTF-8"),
        (b"PK\x03\x04\x14\0\x06\0", {}, "NUL"),
        (b"name,phone\nAda,1\n", {}, "which column has the addresses"),
        (b"email,name\na@b.test,x\n", {"email_column": "mail"}, "no column 'mail' (--email-column)"),
        (b"email,EMAIL\na@b.test,x\n", {"email_column": "email"}, "several columns"),
        (b"email,x,x\na@b.test,1,2\n", {}, "the same head"),
        (b"a@b.test,x,y\n", {}, "no heads"),
        (b'email,name\na@b.test,"Ada\nb@b.test,x\n', {}, "line 2: this is not CSV: a quote"),
        (b'email,name\na@b.test,"Ada" L.\n', {}, "line 2: this is not CSV"),
        (b"[{]", {}, "not JSON"),
        (b"[" * 100_000, {}, "JSON too deep"),
    ],
)
def test_what_is_no_file_of_contacts(octets: bytes, columns: Any, words: str) -> None:
    with pytest.raises(Unusable) as refused:
        read_lines(octets, **columns)
    assert words in refused.value.message


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_read_and_never_an_accident(octets: bytes) -> None:
    try:
        found = read_lines(octets)
    except Unusable:
        return
    assert found
    assert all(isinstance(line, Line) and (line.row or line.problem) for line in found)


@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[a-z]{1,8}@b\.test", fullmatch=True), st.text(st.characters(codec="utf-8"), max_size=9)
        ),
        min_size=1,
    )
)
def test_json_lines_come_back_as_they_were(people: list[tuple[str, str]]) -> None:
    text = "\n".join(json.dumps({"address": address, "display_name": name}) for address, name in people)
    want = [{"address": address} | ({"display_name": name} if name else {}) for address, name in people]
    assert [line.row for line in read_lines(text.encode())] == want
