"""Replies of a relay, in any pieces, well-formed and not."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.smtp.client_replies import LINE_OCTETS, REPLY_LINES, BadReply, RelayReply, ReplyReader


def read(*pieces: bytes) -> list[RelayReply]:
    reader = ReplyReader()
    found = []
    for piece in pieces:
        reader.receive_data(piece)
        while (reply := reader.next_reply()) is not None:
            found.append(reply)
    return found


@pytest.mark.parametrize(
    ("octets", "reply", "text"),
    [
        (b"250 OK\r\n", RelayReply(250, None, ("OK",)), "250 OK"),
        (b"250\r\n", RelayReply(250, None, ("",)), "250"),
        (b"250 \r\n", RelayReply(250, None, ("",)), "250"),
        (b"250 OK\n", RelayReply(250, None, ("OK",)), "250 OK"),
        (b"250-\r\n250 x\r\n", RelayReply(250, None, ("", "x")), "250 x"),
        (
            b"250-mx\r\n250-SIZE 10\r\n250 HELP\r\n",
            RelayReply(250, None, ("mx", "SIZE 10", "HELP")),
            "250 mx SIZE 10 HELP",
        ),
        (b"550 5.1.1 no such user\r\n", RelayReply(550, "5.1.1", ("no such user",)), "550 5.1.1 no such user"),
        (b"550-5.7.26 one\r\n550 5.7.26 two\r\n", RelayReply(550, "5.7.26", ("one", "two")), "550 5.7.26 one two"),
        (b"550-5.7.1 one\r\n550 two\r\n", RelayReply(550, "5.7.1", ("one", "two")), "550 5.7.1 one two"),
        (b"250 2.0.0\r\n", RelayReply(250, "2.0.0", ("",)), "250 2.0.0"),
        (b"450 5.1.1 liar\r\n", RelayReply(450, None, ("5.1.1 liar",)), "450 5.1.1 liar"),
        (b"250 2.0.0.1 x\r\n", RelayReply(250, None, ("2.0.0.1 x",)), "250 2.0.0.1 x"),
        (b"550 a\x1b[31mb\x00\rc\r\n", RelayReply(550, None, ("a?[31mb??c",)), "550 a?[31mb??c"),
        (b"550 gr\xc3\xbc\xdf\r\n", RelayReply(550, None, ("grü\ufffd",)), "550 grü\ufffd"),
        (b"471 x\r\n", RelayReply(471, None, ("x",)), "471 x"),
    ],
)
def test_replies(octets: bytes, reply: RelayReply, text: str) -> None:
    assert read(octets) == [reply]
    assert read(*(bytes([octet]) for octet in octets)) == [reply]
    assert read(octets + octets[:3]) == [reply]
    assert str(reply) == text
    assert reply.kind == int(octets[:1])


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"SSH-2.0-OpenSSH\r\n",
        b"25 OK\r\n",
        b"2500 OK\r\n",
        b"250OK\r\n",
        b"150 wait\r\n",
        b"650 x\r\n",
        b"250-a\r\n251 b\r\n",
        b"250-a\r\nb\r\n",
        b"250 " + b"x" * LINE_OCTETS + b"\r\n",
        b"x" * LINE_OCTETS,
        b"250-x\r\n" * REPLY_LINES,
        b"\xb2\xb5\xb0 x\r\n",
        b"\x16\x03\x01\x00\n",
    ],
)
def test_garbage(octets: bytes) -> None:
    with pytest.raises(BadReply):
        read(octets)
    with pytest.raises(BadReply):
        read(*(bytes([octet]) for octet in octets))


def test_caps_are_exact() -> None:
    assert len(read(b"250-x\r\n" * (REPLY_LINES - 1) + b"250 x\r\n")[0].lines) == REPLY_LINES
    longest = b"250 " + b"x" * (LINE_OCTETS - 6)
    assert read(longest + b"\r\n")[0].text == "x" * (LINE_OCTETS - 6)
    with pytest.raises(BadReply):
        read(longest + b"x\r\n")


def test_what_nobody_asked_for_shows() -> None:
    reader = ReplyReader()
    assert reader.is_empty
    reader.receive_data(b"250 a\r\n250")
    assert reader.next_reply() == RelayReply(250, None, ("a",))
    assert not reader.is_empty
    reader.receive_data(b"-b\r\n")
    assert reader.next_reply() is None
    assert not reader.is_empty
    reader.receive_data(b"250 c\r\n")
    assert reader.next_reply() == RelayReply(250, None, ("b", "c"))
    assert reader.is_empty


LINES = st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30), min_size=1, max_size=5)


def wire(code: int, lines: list[str]) -> bytes:
    text = [f"{code}-{line}\r\n" for line in lines[:-1]] + [f"{code} {lines[-1]}\r\n"]
    return "".join(text).encode()


@given(
    st.lists(st.tuples(st.integers(200, 599), LINES), max_size=4),
    st.lists(st.integers(0, 300), max_size=8),
)
def test_any_split_reads_the_same(replies: list[tuple[int, list[str]]], cuts: list[int]) -> None:
    octets = b"".join(wire(code, lines) for code, lines in replies)
    places = sorted({0, *(cut for cut in cuts if cut < len(octets)), len(octets)})
    pieces = [octets[start:end] for start, end in itertools.pairwise(places)]
    assert read(*pieces) == read(octets)
    assert [reply.code for reply in read(octets)] == [code for code, _ in replies]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_octets_are_replies_or_bad(pieces: list[bytes]) -> None:
    try:
        whole = read(b"".join(pieces))
    except BadReply:
        with pytest.raises(BadReply):
            read(*pieces)
    else:
        assert read(*pieces) == whole
