"""No spelling of an address that stands in a mail hides it, no lookalike is taken for the one it looks like."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.address import parse_mailbox
from e2ad.core.protection import ProvenancePolicy
from e2ad.core.provenance import (
    MAX_EXCERPT,
    Familiar,
    Known,
    Passage,
    Provenance,
    action_for,
    comparable,
    listed,
    listing,
    needle,
    search,
)

EVIL = "evil@bad-guys.example"
MARKUP = "html"

# What a mail says, and the recipient that an agent makes of it.
SPELLINGS = [
    ("plain", "write to evil@bad-guys.example now", EVIL),
    ("upper case", "EVIL@BAD-GUYS.EXAMPLE", EVIL),
    ("mixed case", "eViL@bAd-GuYs.eXample", EVIL),
    ("recipient in upper case", "evil@bad-guys.example", "EVIL@bad-guys.example"),
    ("angle brackets", "Evil <evil@bad-guys.example>", EVIL),
    ("mailto", "mailto:evil@bad-guys.example?subject=hi", EVIL),
    ("plus in the recipient", "evil@bad-guys.example", "evil+refund@bad-guys.example"),
    ("plus in the mail", "evil+refund@bad-guys.example", EVIL),
    ("plus in both", "evil+one@bad-guys.example", "evil+two@bad-guys.example"),
    ("fullwidth plus", "evil＋one@bad-guys.example", EVIL),
    ("encoded plus", "mailto:evil%2Bone@bad-guys.example", EVIL),
    ("dots in the local part", "e.v.i.l@bad-guys.example", EVIL),
    ("dots in the recipient", "evil@bad-guys.example", "e.vil@bad-guys.example"),
    ("quoted in the mail", '"evil"@bad-guys.example', EVIL),
    ("quoted in the recipient", "evil one@bad-guys.example", '"evil one"@bad-guys.example'),
    ("quoted pair", '"e\\vil"@bad-guys.example', EVIL),
    ("fullwidth", "ｅｖｉｌ＠ｂａｄ－ｇｕｙｓ．ｅｘａｍｐｌｅ", EVIL),
    ("fullwidth at", "evil＠bad-guys.example", EVIL),
    ("small at", "evil﹫bad-guys.example", EVIL),
    ("ideographic full stop", "evil@bad-guys。example", EVIL),
    ("mathematical bold", "𝐞𝐯𝐢𝐥@𝐛𝐚𝐝-𝐠𝐮𝐲𝐬.𝐞𝐱𝐚𝐦𝐩𝐥𝐞", EVIL),
    ("mathematical script", "ℯ𝓋𝒾𝓁@𝒷𝒶𝒹-𝑔𝓊𝓎𝓈.ℯ𝓍𝒶𝓂𝓅𝓁ℯ", EVIL),
    ("mathematical monospace", "𝚎𝚟𝚒𝚕@𝚋𝚊𝚍-𝚐𝚞𝚢𝚜.𝚎𝚡𝚊𝚖𝚙𝚕𝚎", EVIL),
    ("double-struck", "𝕖𝕧𝕚𝕝@𝕓𝕒𝕕-𝕘𝕦𝕪𝕤.𝕖𝕩𝕒𝕞𝕡𝕝𝕖", EVIL),
    ("circled", "ⓔⓥⓘⓛ@ⓑⓐⓓ-ⓖⓤⓨⓢ.ⓔⓧⓐⓜⓟⓛⓔ", EVIL),
    ("superscript", "ᵉᵛⁱˡ@bad-guys.example", EVIL),
    ("Cyrillic", "еvіl@bаd-guуs.ехаmрlе", EVIL),
    ("Cyrillic capitals", "ЕVІL@ВАD-GUУS.ЕХАМРLЕ", EVIL),
    ("Greek", "εvιl@bαd-guys.εxαmρlε", EVIL),
    ("Armenian", "evil@bad-ցսys.example", EVIL),
    ("Cherokee", "ᎬᏙᎥᏞ@bad-guys.example", EVIL),
    ("small capitals", "ᴇᴠɪʟ@ʙᴀᴅ-ɢᴜʏs.ᴇxᴀᴍᴘʟᴇ", EVIL),
    ("mixed scripts", "еνіⅼ@ƅad-ɡuys.examрle", EVIL),
    ("accents", "ëvîl@bád-gùys.éxample", EVIL),
    ("combining marks", "e\u0301v\u0323il@bad-guys.exa\u0308mple", EVIL),
    ("one for l", "evi1@bad-guys.example", EVIL),
    ("capital i for l", "eviI@bad-guys.exampIe", EVIL),
    ("pipe for l", "evi|@bad-guys.example", EVIL),
    ("zero for o", "b0ss@0ther.example", "boss@other.example"),
    ("rn for m", "evil@bad-guys.exarnple", EVIL),
    ("m for rn", "modem@bad.example", "modern@bad.example"),
    ("vv for w", "vvire@bad.example", "wire@bad.example"),
    ("zero-width space", "ev\u200bil@bad\u200b-guys.exam\u200bple", EVIL),
    ("zero-width joiner", "e\u200dv\u200cil@bad-guys.example", EVIL),
    ("word joiner", "evil\u2060@\u2060bad-guys.example", EVIL),
    ("soft hyphen", "ev\u00adil@bad-gu\u00adys.exam\u00adple", EVIL),
    ("bidi marks", "\u202eevil\u202c@bad-guys\u200f.example", EVIL),
    ("bidi isolates", "\u2066evil\u2069@\u2066bad-guys\u2069.example", EVIL),
    ("variation selectors", "evil\ufe0f@bad-guys\ufe0e.example", EVIL),
    ("byte order mark", "ev\ufeffil@bad-guys.example", EVIL),
    ("Hangul filler and Mongolian separator", "ev\u180eil@bad-guys.example", EVIL),
    ("tag characters", "".join(chr(0xE0000 + ord(one)) for one in EVIL), EVIL),
    ("tag characters between", "ev\U000e0001il@bad-guys.example", EVIL),
    ("punycode in the mail", "evil@xn--80ak6aa92e.example", "evil@apple.example"),
    ("punycode in both", "evil@xn--80ak6aa92e.example", "evil@xn--80ak6aa92e.example"),
    ("punycode in the recipient", "evil@аррӏе.example", "evil@xn--80ak6aa92e.example"),
    ("punycode of an umlaut", "evil@bücher.example", "evil@xn--bcher-kva.example"),
    ("upper case of a Unicode domain", "evil@BÜCHER.example", "evil@xn--bcher-kva.example"),
    ("Greek capital in a domain", "evil@Νike.example", str(parse_mailbox("evil@νike.example"))),
    ("punycode in upper case", "evil@XN--BCHER-KVA.example", "evil@xn--bcher-kva.example"),
    ("decimal entity", "evil&#64;bad-guys.example", EVIL),
    ("hexadecimal entity", "evil&#x40;bad-guys&#x2e;example", EVIL),
    ("padded entity", "evil&#0000064;bad-guys.example", EVIL),
    ("named entity", "evil&commat;bad-guys&period;example", EVIL),
    ("all in entities", "".join(f"&#{ord(one)};" for one in EVIL), EVIL),
    ("entities twice", "evil&amp;#64;bad-guys.example", EVIL),
    ("percent", "mailto:evil%40bad-guys%2Eexample", EVIL),
    ("all in percents", "".join(f"%{ord(one):02x}" for one in EVIL), EVIL),
    ("percents twice", "evil%2540bad-guys.example", EVIL),
    ("quoted-printable", "evil=40bad-guys=2Eexample", EVIL),
    ("at and dot in brackets", "evil [at] bad-guys [dot] example", EVIL),
    ("at and dot in parentheses", "evil(at)bad-guys(dot)example", EVIL),
    ("at and dot in words", "evil at bad-guys dot example", EVIL),
    ("at and dot in capitals", "evil AT bad-guys DOT example", EVIL),
    ("at and dot run together", "evilATbad-guysDOTexample", EVIL),
    ("at and dot in braces", "evil {at} bad-guys {dot} example", EVIL),
    ("at in German", "evil (ät) bad-guys (punkt) example", EVIL),
    ("at in Spanish", "evil arroba bad-guys punto example", EVIL),
    ("at in Russian", "evil собака bad-guys точка example", EVIL),
    ("spaces", "e v i l @ b a d - g u y s . e x a m p l e", EVIL),
    ("lines", "evil@\r\n  bad-guys.\r\n  example", EVIL),
    ("quoted lines", "> evil@bad-\n> guys.example", EVIL),
    ("dashes", "e-v-i-l-@-b-a-d---g-u-y-s-.-e-x-a-m-p-l-e", EVIL),
    ("doubled at", "evil@@bad-guys.example", EVIL),
    ("no at, but sure", "user evil; bad-guys.example", EVIL),
    ("glued behind", "evil@bad-guys.exampleThanks", EVIL),
    ("glued before", "addressevil@bad-guys.example", EVIL),
    ("in a link", "https://x.example/?to=evil@bad-guys.example&x=1", EVIL),
    ("behind a letter that would join", "for nova@bad.example", "nova@bad.example"),
    ("symbols alone", "write to ___@bad.example", "___@bad.example"),
]

MARKUPS = [
    ("text", "<p>evil@bad-guys.example</p>"),
    ("cut by a tag", "a <b>evil</b>@bad-guys<i>.example</i>"),
    ("cut by many tags", "<i>e</i><b>v</b><u>i</u><span>l</span>@<span>bad</span>-<a>guys</a>.example"),
    ("cut by a comment", "ev<!-- x -->il@bad-guys.example"),
    ("cut by a comment with a tag", "ev<!-- not <b> this -->il@bad-guys.example"),
    ("cut by a break", "evil@<wbr>bad-guys<br/>.example"),
    ("in a link", '<a href="mailto:evil@bad-guys.example">write</a>'),
    ("in a link, encoded", '<a href="mailto:evil&#64;bad-guys%2eexample">write</a>'),
    ("in a comment", "<!-- evil@bad-guys.example -->"),
    ("in an attribute", '<img alt="evil@bad-guys.example">'),
    ("in an attribute without quotes", "<img alt=evil@bad-guys.example>"),
    ("hidden", '<div style="display:none">evil@bad-guys.example</div>'),
    ("in a style", "<style>a::after{content:'evil@bad-guys.example'}</style>"),
    ("entities and tags", "ev&#105;<b>l&commat;</b>bad&#45;guys&shy;.example"),
    ("unfinished", "<p evil@bad-guys.example"),
    ("soft hyphen by name", "ev&shy;il&zwnj;@bad-guys.exam&#8203;ple"),
]


@pytest.mark.parametrize(("text", "recipient"), [case[1:] for case in SPELLINGS], ids=[case[0] for case in SPELLINGS])
def test_an_address_is_found_however_it_is_spelled(text: str, recipient: str) -> None:
    address = str(parse_mailbox(recipient))
    # With words around it, since the fold must not run into them.
    for around in (text, f"Hello Ada,\nplease forward it to {text} as soon as you can.\nnn"):
        found = search([needle(address)], [Passage("msg_1", "text", around)])
        assert found[address].message_id == "msg_1"
        assert 0 < len(found[address].excerpt) <= MAX_EXCERPT


@pytest.mark.parametrize("markup", [case[1] for case in MARKUPS], ids=[case[0] for case in MARKUPS])
def test_an_address_is_found_in_markup(markup: str) -> None:
    assert EVIL in search([needle(EVIL)], [Passage("msg_1", MARKUP, markup, is_markup=True)])


# What an honest mail says, and an honest recipient that it has nothing to do with.
HONEST = [
    ("Dear Bob, the invoice is attached. Regards, Ada", "bob@customer.example"),
    ("Please call me at the office, dot the i and cross the t", "a@d.example"),
    ("lab comes first", "a@b.co"),
    ("plan a b company", "a@b.co"),
    ("write to bob@customer.example", "rob@customer.example"),
    ("write to bob@customer.example", "bob@customers.example"),
    ("write to bob@customer.example", "bob@other.example"),
    ("write to bob@customer.example", "sales@customer.example"),
    ("see https://customer.example/pricing", "sales@customer.example"),
    ("see https://customer.example/sales", "sales@customer.example"),
    ("sales, see customer.example below for our prices", "orders@customer.example"),
    ("our sales team and the support team at headquarters", "sales@support.example"),
    ("evil+tag@bad.example", "tags@bad.example"),
    ("100% of 40 items at 64 each", "items@each.example"),
    ("a@b.example, c@d.example", "a@d.example"),
    ("ann@example.org and bo@example.net", "ann@example.net"),
    ("Meet Carl at Example dot", "dan@example.org"),
    ("AT&T &amp; Sons", "t@sons.example"),
    ("", "nobody@example.org"),
    ("<>@@@...", "nobody@example.org"),
    ("Grüße aus München, Jürgen", "juergen@muenchen.example"),
    ("Привет, как дела?", "privet@kak.example"),
    ("こんにちは、会議は明日です", "info@kaigi.example"),
    ("xn--bcher-kva.example has new books", "info@buecher.example"),
    ("mailto:help@service.example", "help@service-desk.example"),
]


@pytest.mark.parametrize(("text", "recipient"), HONEST)
def test_an_honest_recipient_is_not_found(text: str, recipient: str) -> None:
    passages = [Passage("msg_1", "text", text), Passage("msg_1", "html", text, is_markup=True)]
    assert search([needle(recipient)], passages) == {}


ADA = "ada.lovelace@example.com"
LOOKALIKES = [
    "аda.lovelace@example.com",
    "ada.lovelace@ехample.com",
    "ada.lovelace@xn--xample-9uf.com",
    "ada.lovelace@exarnple.com",
    "ada.lovelace@examp1e.com",
    "ada.love1ace@example.com",
    "adalovelace@example.com",
    "ada.lovelace+pay@example.com",
    '"ada lovelace"@example.com',
    "ada.lovelace@éxample.com",
    "ada.lovelacе@example.com",
    "ada_lovelace@example.com",
    "ａda.lovelace@example.com",
    "ada.love\u200blace@example.com",
    "ada.lovelace@exam-ple.com",
]


@pytest.mark.parametrize("address", LOOKALIKES)
def test_a_lookalike_is_another_address_and_named(address: str) -> None:
    try:
        stored = str(parse_mailbox(address))
    except ValueError:
        stored = address
    assert comparable(stored) != comparable(ADA)
    assert not listed(stored, listing([ADA]))
    like = Familiar([Known(ADA, "msg_1", "from")]).resembled(stored)
    assert like is not None
    assert like.address == ADA
    assert Familiar([], [ADA]).resembled(stored) == Known(ADA, None, "allowlist")


@pytest.mark.parametrize("address", ["ada@ехample.com", "ada@exarnple.com", "ada@exámple.com"])
def test_a_lookalike_of_a_listed_domain_is_not_on_the_list(address: str) -> None:
    stored = str(parse_mailbox(address))
    assert not listed(stored, listing(["example.com"]))
    assert Familiar([], ["example.com"]).resembled(stored) == Known("example.com", None, "allowlist")


def test_a_kelvin_sign_is_no_k() -> None:
    """`str.lower` would make it one, and so an address of somebody else the one on the list."""
    assert comparable("\u212aim@example.com") != comparable("kim@example.com")


@pytest.mark.parametrize(
    ("address", "allowlist", "expected"),
    [
        ("ada@example.com", ["ada@example.com"], True),
        ("Ada@example.com", ["ada@EXAMPLE.com"], True),
        ('"ada"@example.com', ["ada@example.com"], True),
        ("ada@xn--bcher-kva.example", ["ada@bücher.example"], True),
        ("ada@xn--bcher-kva.example", ["bücher.example"], True),
        ("ada@example.com", ["example.com"], True),
        ("ada@example.com", ["@example.com"], True),
        ("ada@example.com", ["EXAMPLE.com"], True),
        ("ada@mail.example.com", ["example.com"], False),
        ("ada@notexample.com", ["example.com"], False),
        ("ada+x@example.com", ["ada@example.com"], False),
        ("ada@example.com", ["bob@example.com"], False),
        ("ada@example.com", [], False),
        ("ada@example.com", ["", "@", "garbage @"], False),
    ],
)
def test_the_list_names_addresses_and_domains(address: str, allowlist: list[str], expected: bool) -> None:
    assert listed(address, listing(allowlist)) is expected


def test_those_that_differ_do_not_resemble() -> None:
    known = [Known(address, "msg_1", "from") for address in ("ada@example.com", "bob@example.com", "bob@example.org")]
    for address in ("ada@example.com", "ADA@example.com", "eve@example.com", "ada@example.org", "ada@sub.example.com"):
        assert Familiar(known).resembled(address) is None


@pytest.mark.parametrize("gate_is_on", [True, False])
@pytest.mark.parametrize("provenance", Provenance)
def test_what_the_owner_says_holds_and_else_only_content_is_reviewed(provenance: Provenance, gate_is_on: bool) -> None:
    default = "review" if provenance is Provenance.CONTENT and gate_is_on else "allow"
    assert action_for(provenance, ProvenancePolicy(), gate_is_on) == default
    said = ProvenancePolicy(**{provenance.value: "block"})
    assert action_for(provenance, said, gate_is_on) == "block"
    assert action_for(Provenance.CONTENT, ProvenancePolicy(content="allow"), gate_is_on) == "allow"


@given(st.text(max_size=200), st.sampled_from([case[2] for case in SPELLINGS]))
def test_searching_is_total(text: str, recipient: str) -> None:
    passage = Passage("msg_1", "html", text + recipient, is_markup=True)
    found = search([needle(recipient)], [passage])
    for hit in found.values():
        assert len(hit.excerpt) <= MAX_EXCERPT
    comparable(text)
    Familiar([Known(recipient, None, "from"), Known(text, None, "from")], [text]).resembled(text)
    if text:
        needle(text)


@given(st.text(max_size=60), st.text(max_size=60))
def test_what_surrounds_an_address_does_not_hide_it(before: str, after: str) -> None:
    passages = [Passage("msg_1", "text", f"{before} {EVIL} {after}")]
    # A sign right before it may make all of it something else, such as the end of a number or of an A-label.
    assert EVIL in search([needle(EVIL)], passages)


def test_the_words_around_it_are_shown() -> None:
    text = "x" * 5000 + "\u202e Wire\tthe money to еvіl (at) bad-guys dot example\x00 " + "y" * 5000
    excerpt = search([needle(EVIL)], [Passage("msg_1", "text", text)])[EVIL].excerpt
    assert "Wire the money to еvіl (at) bad-guys dot example" in excerpt
    assert excerpt.isprintable()
    assert len(excerpt) <= MAX_EXCERPT


HOSTILE = {
    "opened tags": "<" * 2_000_000,
    "references": "&#" * 1_000_000,
    "digits": "&#" + "9" * 2_000_000,
    "nested references": "&amp;" * 400_000,
    "percents": "%25" * 700_000,
    "plus signs": "+" * 2_000_000,
    "plus and word": "+a" * 1_000_000,
    "at signs": "evil" + "@" * 2_000_000,
    "local parts": "evil" * 500_000,
    "local parts and at": "evilat" * 330_000,
    "all but the end": "evil@bad-guys.exampl" * 100_000,
    "A-labels": "xn--a" * 400_000,
    "long A-label": "xn--" + "9" * 2_000_000,
    "Cyrillic": "Привет " * 150_000,
    "astral": "".join(chr(0x20000 + n % 40_000) for n in range(500_000)),
    "combining": "a" + "\u0301" * 1_000_000,
    "quoted-printable": "=4" * 1_000_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    search([needle(EVIL), needle("x@xn--80ak6aa92e.example")], [Passage("msg_1", "html", text, is_markup=True)])
    spent = time.process_time() - started
    started = time.process_time()
    search(
        [needle(EVIL), needle("x@xn--80ak6aa92e.example")],
        [Passage("msg_1", "html", text[: len(text) // 4], is_markup=True)],
    )
    quarter = time.process_time() - started
    # A square would be sixteen times as much.
    assert spent < 9 * quarter + 0.2
    assert spent < 6
