import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.mailauth.tags import TagSyntaxError, decode_base64, parse_tags, split_colons


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("v=1", {"v": "1"}),
        ("v=1;", {"v": "1"}),
        (" v = 1 ;\r\n\tp=\r\n ", {"v": "1", "p": ""}),
        ("v=1; n=a b=c d", {"v": "1", "n": "a b=c d"}),
        ("a_1=x; A_1=y", {"a_1": "x", "A_1": "y"}),
        ("d=müller.test", {"d": "müller.test"}),
        ("h=a :\r\n b", {"h": "a :\r\n b"}),
    ],
)
def test_what_is_a_tag_list(text, tags):
    assert dict(parse_tags(text)) == tags


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ";",
        "v",
        "v=1;;p=x",
        "v=1; ;p=x",
        "v=1; p",
        "1v=1",
        "v-x=1",
        "=1",
        "v=1; v=1",
        "v=a\x00b",
        "v=a\nb",
        "v=a\r\nb",
        "v=a\x7fb",
        ";".join(f"t{number}=x" for number in range(65)),
    ],
)
def test_what_is_none(text):
    with pytest.raises(TagSyntaxError):
        parse_tags(text)


def test_sixty_four_tags_and_a_final_semicolon_are_fine():
    assert len(parse_tags("".join(f"t{number}=x;" for number in range(64)))) == 64


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,8}", fullmatch=True)
VALUES = st.from_regex(r"(?:[!-:<-~](?:[ \t]?[!-:<-~]){0,10})?", fullmatch=True)


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=20), st.sampled_from(["", " ", "\r\n\t", " \t"]))
def test_every_list_that_is_written_is_read(tags, blank):
    text = ";".join(f"{blank}{name}{blank}={blank}{value}{blank}" for name, value in tags.items())
    parsed = parse_tags(text)
    assert dict(parsed) == tags
    assert parsed.first == next(iter(tags))
    for name, value in tags.items():
        start, end = parsed.spans[name]
        assert text[start:end] == f"{blank}{value}{blank}"


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text):
    try:
        parsed = parse_tags(text)
    except TagSyntaxError:
        return
    assert all(";" not in value for value in parsed.values())


@pytest.mark.parametrize("value", ["", "a", "ab=", "abc", "====", "ab==cd==", "a-_=", "abc=d", "é==="])
def test_what_is_not_base64(value):
    with pytest.raises(TagSyntaxError):
        decode_base64(value, "b")


@given(st.binary(min_size=1, max_size=100))
def test_base64_with_folds(octets):
    import base64

    text = "\r\n ".join(base64.b64encode(octets).decode())
    assert decode_base64(text, "b") == octets


def test_colons():
    assert split_colons("a : b:\r\n c") == ("a", "b", "c")
    assert split_colons("a::b") == ("a", "", "b")
