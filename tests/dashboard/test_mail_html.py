"""A mail's HTML in its frame: nothing runs, nothing loads, what is harmless stays."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from e2ad.dashboard.mail_html import MAX_INLINE, policy, safe_html
from tests.dashboard.conftest import Browser, Seen, mail

HOSTILE = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg/onload=alert(1)>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=https://evil.example></object><embed src=https://evil.example>",
    "<form action=https://evil.example><input name=password><button>Sign in</button></form>",
    '<a href="javascript:alert(1)">x</a><a href=\' java\nscript:alert(1)\'>y</a><a href="data:text/html,x">z</a>',
    "<a href=\"vbscript:x\">x</a><a href='//evil.example'>y</a><a href='/dashboard/start'>z</a>",
    "<base href=https://evil.example><meta http-equiv=refresh content='0;url=https://evil.example'>",
    "<link rel=stylesheet href=https://evil.example/x.css><style>@import url(https://evil.example/x.css)</style>",
    "<p style=\"background:url(https://evil.example/x)\">x</p><p style='width:expression(alert(1))'>y</p>",
    '<p style="background-image:u\\72l(https://evil.example)">x</p>',
    "<div style='position:fixed;inset:0;z-index:9'>Sign in again</div>",
    "<img src=\"data:image/svg+xml,<svg onload=alert(1)>\"><img src='data:text/html,x'>",
    "<img srcset='https://evil.example/x 2x'><video poster=https://evil.example/x></video>",
    "<table background=https://evil.example/x><td background='//evil.example/y'>x</td></table>",
    '<noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript>',
    "<template><img src=x onerror=alert(1)></template><xmp><img src=x onerror=alert(1)></xmp>",
    "<a id=x name=y class=z target=_top href=https://a.example ping=https://evil.example>x</a>",
    "<!--[if mso]><script>alert(1)</script><![endif]-->",
    "<img src='cid:nothing'><img src='cid:vector'>",
    "<textarea></textarea><script>alert(1)</script>",
]
ELEMENTS = {
    "script",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "base",
    "svg",
    "math",
    "link",
    "video",
    "template",
}


def elements(document: str) -> list[tuple[str, dict[str, str | None]]]:
    page = Seen()
    page.feed(document.split("<body>", 1)[1])
    return page.elements


def harmless(document: str, *, remote: bool = False) -> None:
    for tag, found in elements(document):
        assert tag not in ELEMENTS | {"style", "meta", "title"}, tag
        assert not [name for name in found if name.startswith("on")], found
        assert not {"srcset", "background", "poster", "ping", "id", "name", "class", "action"} & set(found), found
        source = found.get("src") or ""
        if source:
            assert source.startswith(("data:image/png;", "http") if remote else "data:image/png;"), source
        if "href" in found:
            assert (found["href"] or "").startswith(("http://", "https://", "mailto:", "tel:")), found
            assert found["target"] == "_blank"
            assert "noopener" in (found["rel"] or "")
        style = found.get("style") or ""
        assert "url" not in style, style
        assert "position" not in style, style


@pytest.mark.parametrize("markup", HOSTILE)
@pytest.mark.parametrize("remote", [False, True])
def test_what_is_hostile_is_gone(markup: str, remote: bool) -> None:
    pictures = {"vector": ("image/svg+xml", b"<svg onload=alert(1)>")}
    harmless(safe_html(markup, pictures, remote=remote).document, remote=remote)


@given(
    st.lists(
        st.sampled_from([*HOSTILE, "<", ">", '"', "'", "</p>", "<p style=", "<b>", "x", "\0", "&#x3c;"]), max_size=8
    )
)
@settings(max_examples=150, deadline=None)
def test_nor_is_there_anything_where_it_is_put_together(parts: list[str]) -> None:
    harmless(safe_html("".join(parts), {}, remote=False).document)


@pytest.mark.parametrize(
    ("markup", "kept"),
    [
        ("<p style='color: red'>Hi</p>", '<p style="color:red">Hi</p>'),
        ("<p style='padding-bottom:1px;overflow-wrap:anywhere'>Hi</p>", "padding-bottom:1px;overflow-wrap:anywhere"),
        ("<b>Bold</b> <i>it</i>", "<b>Bold</b> <i>it</i>"),
        ("<table width=100><tr><td bgcolor='#fff'>x</td></tr></table>", 'bgcolor="#fff"'),
        ("<a href='mailto:a@b.example'>a</a>", 'href="mailto:a@b.example"'),
        ("<img src='cid:logo' alt='Our logo'>", "data:image/png;base64,AQID"),
        ("<img src='data:image/png;base64,AQID'>", "data:image/png;base64,AQID"),
        ("<blockquote type=cite>earlier</blockquote>", "earlier"),
    ],
)
def test_what_is_harmless_stays(markup: str, kept: str) -> None:
    document = safe_html(markup, {"logo": ("image/png", b"\1\2\3")}, remote=False).document
    assert kept in document.replace("color: red", "color:red")


@pytest.mark.parametrize(
    ("markup", "blocked"),
    [
        ("<p>nothing</p><a href='https://a.example'>link</a>", 0),
        ("<img src='https://a.example/x.png'>", 1),
        ("<img src=//a.example/x.png><IMG SRC = 'HTTP://a.example/y'>", 2),
        ("<img src=cid:x><img src=data:image/png;base64,AA==>", 0),
        ("<td background=https://a.example/x><p style='background:url(https://a.example/y)'>", 2),
        ("<style>p { background: url(https://a.example/x) } @import 'x';</style>", 2),
        ("<link rel=stylesheet href=https://a.example/x.css>", 1),
    ],
)
def test_what_would_be_loaded_is_counted(markup: str, blocked: int) -> None:
    assert safe_html(markup, {}, remote=False).blocked == blocked


def test_pictures_are_let_in_when_they_are_asked_for_and_nothing_else() -> None:
    document = safe_html(
        "<img src='https://a.example/x.png'><script src=https://a.example/x></script>", {}, remote=True
    )
    assert 'src="https://a.example/x.png"' in document.document
    assert "<script" not in document.document
    assert "img-src data: https: http:;" in policy(remote=True)
    assert "img-src data:;" in policy(remote=False)
    assert "script-src" not in policy(remote=True)


def test_a_mail_brings_so_many_pictures_and_no_more() -> None:
    large = {"a": ("image/png", b"x" * (MAX_INLINE // 2 + 1))}
    assert safe_html("<img src=cid:a><img src=cid:a>", large, remote=False).document.count("data:image/png") == 1


FONTS = "".join(f"<font color='#{n:06x}'>" for n in range(500))


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 50_000,
        "<div></x>" * 50_000,
        FONTS + "<p>x" * 100_000,
        FONTS + "<p>x</p></i>" * 50_000,
        "x" * 4_000_000,
    ],
    ids=["deep", "deep with ends of others", "fonts", "fonts with ends of others", "long"],
)
def test_what_would_grow_beyond_measure_is_not_shown(markup: str) -> None:
    started = time.perf_counter()
    found = safe_html(markup, {}, remote=False)
    assert time.perf_counter() - started < 5
    assert found.too_much
    assert len(found.document) < 2000


@pytest.mark.parametrize(
    "markup",
    [
        "<table><tr><td>" * 200 + "x" + "</td></tr></table>" * 200,
        "<p>unclosed<br><li>x" * 5000,
        "<p><b>x</b></p>" * 20_000,
        "<div><span><font color=red>x</font></span></div>" * 5000,
    ],
    ids=["tables", "never closed", "bold", "plain"],
)
def test_what_mail_programs_write_is_shown(markup: str) -> None:
    assert not safe_html(markup, {}, remote=False).too_much


def test_it_takes_time_in_proportion() -> None:
    started = time.perf_counter()
    for hostile in ("<p " * 100_000, "<img src=https://a.example " * 50_000, "url(" * 100_000):
        safe_html(hostile, {}, remote=False)
    assert time.perf_counter() - started < 20


async def test_the_frame_has_a_policy_of_its_own(browser: Browser) -> None:
    raw = (
        "From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n"
        "<p>Hello <script>alert(1)</script><img src='https://a.example/x.png'></p>\r\n"
    )
    there = await mail(browser, raw)
    answer = await browser.get(there + "/html", sec_fetch_dest="iframe")
    assert answer.status == 200
    assert answer.headers["content-security-policy"].startswith("sandbox allow-popups allow-popups-to-escape-sandbox; ")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "https://a.example" not in answer.text
    page = (await browser.get(there + "?show=html")).text
    assert "1 remote resource is blocked" in page
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    asked = await browser.get(there + "/html?images=1")
    assert "https://a.example/x.png" in asked.text
    assert (await browser.get(await mail(browser, number=1) + "/html")).status == 404
