"""The grammar of searches, the words of mail, and where they are shown."""

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from e2ad.core.errors import InvalidFilter
from e2ad.core.search import MAX_CHARACTERS, MAX_TERMS, compile_search
from e2ad.core.search_highlights import Highlighter
from e2ad.core.search_words import (
    MAX_LEXEMES,
    Searchable,
    document,
    empty_document,
    fold_words,
    folded_character,
    inbox_lexeme,
)

TEXT = st.text(st.characters(exclude_categories=()), max_size=200)


def compiled(text: str) -> str:
    search = compile_search(text)
    assert search is not None
    return search.tsquery


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("invoice", "('invoice':*)"),
        ("Two words", "('two':*) & ('words':*)"),
        ('"good morning"', "(('good' <-> 'morning'))"),
        ('"good"', "('good')"),
        ("one OR two three", "('one':* | 'two':*) & ('three':*)"),
        ("one or two", "('one':*) & ('or':*) & ('two':*)"),
        ("-spam ham", "!('spam':*) & ('ham':*)"),
        ("-spam OR ham eggs", "!('spam':* | 'ham':*) & ('eggs':*)"),
        ("from:ada@example.org", "(('ada':B <-> 'example':B <-> 'org':*B))"),
        ('subject:"Q3 report"', "(('q3':A <-> 'report':A))"),
        ("has:attachment -from:bob", "('@attachment') & !('bob':*B)"),
        ("Müller STRASSE straße", "('muller':*) & ('strasse':*) & ('strasse':*)"),
        ("10:30", "(('10' <-> '30':*))"),
        ("https://example.org", "(('https' <-> 'example' <-> 'org':*))"),
        ("a", "('a')"),
        ("東京都", "(('東京' <-> '京都'))"),
        ("東", "('東':*)"),
        ("東京x", "(('東京' <-> '京' <-> 'x'))"),
        ("🎉", "('🎉')"),
        ("hello - world", "('hello':*) & ('world':*)"),
        ("'; drop table messages; --", "('drop':*) & ('table':*) & ('messages':*)"),
        ("\\' & !x | <->", "('x')"),
        ("!!! \0", ""),
        ("-???", ""),
    ],
)
def test_what_a_query_means(text: str, expected: str) -> None:
    assert compiled(text) == expected


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ('a "b', 3),
        ("OR a", 1),
        ("a OR", 3),
        ("a OR OR b", 6),
        ("a OR -b", 6),
        ("from:", 1),
        ("a subject:", 3),
        ('from:"!"', 1),
        ("has:wings", 1),
        (" ".join(["a"] * (MAX_TERMS + 1)), 2 * MAX_TERMS + 1),
    ],
)
def test_a_mistake_is_pointed_at(text: str, column: int) -> None:
    with pytest.raises(InvalidFilter, match=f"search, column {column}: "):
        compile_search(text)


def test_the_bounds_of_a_query() -> None:
    assert compile_search(" \t") is None
    assert compiled(" ".join(["a"] * MAX_TERMS)).count("'a'") == MAX_TERMS
    compile_search("é" * MAX_CHARACTERS)
    with pytest.raises(InvalidFilter):
        compile_search("é" * (MAX_CHARACTERS + 1))


@given(TEXT)
@example('"' * 33)
@example("-" * 500)
def test_a_query_is_one_or_says_where_it_is_wrong(text: str) -> None:
    try:
        search = compile_search(text)
    except InvalidFilter:
        return
    if search is not None:
        Highlighter(search).of(text, text, text, [text])
        assert re.fullmatch(r"(?:'[^'\\\0 ]+'(?::[*]?[AB]?)?| & | \| | <-> |[()!])*", search.tsquery)


def parsed(text: str) -> dict[str, list[str]]:
    found = {}
    for part in text.split(" "):
        lexeme, _, places = part.rpartition("'")
        assert re.fullmatch(r"(?::\d+[ABCD](?:,\d+[ABCD])*)?", places)
        found[lexeme[1:]] = places[1:].split(",")
    return found


@given(TEXT, TEXT, TEXT)
def test_a_document_is_a_tsvector(subject: str, name: str, text: str) -> None:
    mail = Searchable("bot@agents.test", subject, name, "ada@example.org", text, (text,), attached=True)
    found = parsed(document(mail))
    assert {inbox_lexeme("bot@agents.test"), "@attachment", "ada", "example", "org"} <= found.keys()
    assert all(lexeme.strip() == lexeme and "'" not in lexeme and "\\" not in lexeme for lexeme in found)


def test_no_character_folds_to_what_would_end_a_lexeme() -> None:
    bad = re.compile("['\\\\\0\ud800-\udfff@]")
    assert [code for code in range(0x110000) if bad.search(folded_character(chr(code)))] == []


@given(TEXT)
def test_folding_again_changes_nothing_and_case_and_accents_do_not_count(text: str) -> None:
    assert fold_words(fold_words(text)).split() == fold_words(text).split()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Crème Brûlée", "creme brulee"),
        ("e\u0301tude", "étude"),
        ("ﬁnance", "finance"),
        ("ＡＢＣ１２３", "abc123"),
        ("pass\u200bword", "password"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("شُكْرًا", "شكرا"),
        ("שָׁלוֹם", "שלום"),
        ("İstanbul", "istanbul"),
        ("한글", "한글"),
    ],
)
def test_what_is_written_alike_is_found_alike(one: str, other: str) -> None:
    assert fold_words(one).split() == fold_words(other).split()


@pytest.mark.parametrize(("one", "other"), [("がく", "かく"), ("हिन्दी", "हन्द"), ("100", "1000")])
def test_what_means_another_thing_stays_apart(one: str, other: str) -> None:
    assert fold_words(one) != fold_words(other)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "\0" * 1_000_000,
        "東京" * 100_000,
        "\ufdfa" * 20_000,
        " ".join(f"w{n}" for n in range(100_000)),
        "".join(map(chr, range(0x3400, 0x9FFF))),
        "a b " * 30_000,
        "\ud800 \udfff",
    ],
    ids=["one word", "NULs", "dense", "expanding", "many words", "all of Han", "often", "surrogates"],
)
def test_a_document_is_bounded(text: str) -> None:
    found = document(Searchable("bot@agents.test", "", "", "", text))
    assert len(found.encode()) < 1_000_000
    assert found.count("'") // 2 <= MAX_LEXEMES
    found.encode("utf-8")


def test_fields_have_weights_and_no_phrase_goes_from_one_to_the_next() -> None:
    mail = Searchable("bot@agents.test", "one", "two", "three@x.test", "five", ("four.pdf",))
    found = parsed(document(mail))
    assert [found[word][0][-1] for word in ("one", "two", "three", "four", "five")] == list("ABBDC")
    places = sorted(int(found[word][0][:-1]) for word in ("one", "two", "three", "four", "five"))
    assert all(later - earlier > 1 for earlier, later in pairwise(places))
    assert parsed(empty_document("bot@agents.test")).keys() == {inbox_lexeme("bot@agents.test")}


def marked(query: str, text: str) -> list[str]:
    search = compile_search(query)
    assert search is not None
    return [
        piece.text[start:end]
        for piece in Highlighter(search).of("", "", text, [])
        for start, end in piece.ranges
        if piece.field == "text"
    ]


@pytest.mark.parametrize(
    ("query", "text", "expected"),
    [
        ("mull", "Herr MÜLLER und Muller", ["MÜLLER", "Muller"]),
        ('"good morning"', "Good\n morning, good evening", ["Good  morning"]),
        ("strasse", "Lange Straße, Hauptstraße", ["Straße"]),
        ("京都", "東京都に", ["京都"]),
        ("cafe", "cafe\u0301s", ["cafe\u0301s"]),
        ("word -other", "word other", ["word"]),
        ("from:ada", "ada", []),
        ("a", "a ab", ["a"]),
        ("has:attachment", "attachment", []),
    ],
)
def test_hits_are_where_the_words_are(query: str, text: str, expected: list[str]) -> None:
    assert marked(query, text) == expected


def test_a_piece_is_short_and_steers_nothing() -> None:
    search = compile_search("needle")
    assert search is not None
    text = "x " * 1000 + "\x1b[31m needle \u202e evil\r\n" + "y " * 1000 + "needle" + " z" * 1000
    pieces = Highlighter(search).of("a needle", "Needle <n@x.test>", text, ["n.txt", "needle.pdf"])
    assert [piece.field for piece in pieces] == ["subject", "from", "text", "text", "attachment"]
    for piece in pieces:
        assert len(piece.text) <= 170
        assert piece.text.replace("\ufffd", "").isprintable()
        assert [piece.text[start:end].lower() for start, end in piece.ranges] == ["needle"]


@given(TEXT, st.text("ab éß東\u0301\u200b", min_size=1, max_size=30))
def test_every_range_is_inside_its_piece(text: str, query: str) -> None:
    search = compile_search(query)
    if search is not None:
        for piece in Highlighter(search).of(text, query, text + query, [query]):
            ends = [0, *(place for pair in piece.ranges for place in pair), len(piece.text)]
            assert piece.ranges
            assert ends == sorted(ends)
