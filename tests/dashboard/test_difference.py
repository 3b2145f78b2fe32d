"""What an edit changed: nothing that differs is ever shown as the same, whatever the texts are."""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.outbound import Draft, DraftAttachment
from e2ad.dashboard.difference import MOST_LINES, differences, lines

DRAFT = Draft(agent_email="bot@agents.test", to=("ada@example.org", "bob@example.org"), subject="Hi", text="one\ntwo")


def told(old: str, new: str) -> list[str]:
    signs = {"same": " ", "out": "-", "in": "+", "gap": "~"}
    return [signs[line.kind] + "".join(text for text, _ in line.parts) for line in lines(old, new)]


def test_fields_in_their_order() -> None:
    file = DraftAttachment("a.csv", "text/csv", b"1,2")
    new = evolve(
        DRAFT, to=("bob@example.org",), cc=("eve@example.org",), subject="Ho", html="<p>x</p>", attachments=(file,)
    )
    found = {
        one.name: [(line.kind, "".join(text for text, _ in line.parts)) for line in one.lines]
        for one in differences(DRAFT, new)
    }
    assert found == {
        "To": [("out", "ada@example.org")],
        "Cc": [("in", "eve@example.org")],
        "Subject": [("out", "Hi"), ("in", "Ho")],
        "HTML": [("in", "<p>x</p>")],
        "Attachments": [("in", "a.csv (text/csv, 3 bytes)")],
    }
    assert differences(DRAFT, DRAFT) == []


def test_words_of_a_line() -> None:
    out, into = lines("we offer seven lamps", "we offer eight lamps")
    assert out.parts == (("we offer ", False), ("seven", True), (" lamps", False))
    assert into.parts == (("we offer ", False), ("eight", True), (" lamps", False))


def test_long_stretches_that_are_the_same_are_left_out() -> None:
    text = [f"line {number}" for number in range(20)]
    assert told("\n".join([*text, "old"]), "\n".join([*text, "new"])) == [
        "~18 lines are the same",
        " line 18",
        " line 19",
        "-old",
        "+new",
    ]


def test_what_cannot_be_seen_is_a_difference_that_can() -> None:
    assert told("pay", "pay\u200b") == ["-pay", "+pay[U+200B]"]


def test_what_is_behind_the_end_of_what_is_compared_is_a_difference() -> None:
    long, many = "x" * 5000, "\n".join(map(str, range(MOST_LINES + 5)))
    for old, new in ((long + "a", long + "b"), (many + "a", many + "b")):
        found = told(old, new)
        assert [line[0] for line in found if line[0] in "-+"] == ["-", "+"]


LINES = st.lists(st.sampled_from(["a", "b", "a b", "", "c d e"]), max_size=12).map("\n".join)


@given(LINES, LINES)
def test_both_sides_can_be_read_out_of_it(old: str, new: str) -> None:
    found = lines(old, new)
    for kind, whole in (("out", old), ("in", new)):
        expected = iter(whole.splitlines())
        for line in found:
            if line.kind == "gap":
                for _ in range(int(line.parts[0][0].split()[0])):
                    next(expected)
            elif line.kind in ("same", kind):
                assert "".join(text for text, _ in line.parts) == next(expected)
        assert list(expected) == []
