"""HTML to text: what a reader sees, and where the history begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.html_text import html_to_text

PAGES = {
    "": "",
    "a  b\n c": "a b c",
    "<p>a</p><p>b</p>": "a\n\nb",
    "<div>a</div><div>b</div>": "a\nb",
    "a<br>b<br/>c<BR />d": "a\nb\nc\nd",
    "a<br><br><br><br>b": "a\n\nb",
    "<b>a</b><i>b</i> c": "ab c",
    "<ul><li>a</li><li>b</li></ul>": "- a\n- b",
    "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>": "a b\nc",
    "<pre>a\n  b</pre>c": "a\n  b\nc",
    "&lt;a&gt; &amp; &nbsp;&euro;&#228;": "<a> &  €ä",
    "a &#xD800; &#0; &#999999999;": "a \ufffd \ufffd \ufffd",
    "1 < 2 <3": "1 < 2 <3",
    "a<!-- x > <b> -->b": "ab",
    "a<!-- never closed": "a",
    "a<![if !mso]>b<![endif]>c": "abc",
    "<!DOCTYPE html><?xml x?>a": "a",
    "<style>p{}</style><script>if (a</b) x</script >a": "a",
    "<script>never closed": "",
    "<title>t</title>a": "a",
    '<a href="https://x.test/">x.test</a>': "x.test",
    '<a href="https://x.test/p?a=1&amp;b=2">the <b>page</b></a>.': "the page (https://x.test/p?a=1&b=2).",
    '<a href="javascript:x()">y</a>': "y",
    '<img src="x" alt="Logo">': "Logo",
    '<p title="a > b">c</p>': "c",
    "<p title='a > b' x=\"'\">c</p>": "c",
    '<p title="never closed>c</p>d': "c\n\nd",
    "<blockquote>a</blockquote>b": "a\nb",
    '<blockquote type="cite">a<blockquote type=cite>b</blockquote></blockquote>c': "> a\n> > b\nc",
    "</div></blockquote></a></pre>a": "a",
    "<o:p>a</o:p>": "a",
    "a<b": "a",
}


@pytest.mark.parametrize(("markup", "text"), PAGES.items())
def test_pages(markup: str, text: str) -> None:
    assert html_to_text(markup).text == text


MARKS = {
    '<p>new</p><div class="gmail_quote"><div>attr</div></div>': {2},
    "<p>new</p><div id=divRplyFwdMsg>old</div>": {2},
    '<div>new</div><div id="appendonsend"></div><hr><div>old</div>': {2},
    "<div>new</div><div class='a yahoo_quoted' id=x>old</div>": {1},
    "<div>new</div><div class=moz-cite-prefix>old</div>": {1},
    "<div>new</div><div class=other>not old</div>": set(),
    "<div>new</div><div class=gmail_quote></div>": set(),
}


@pytest.mark.parametrize(("markup", "lines"), MARKS.items())
def test_history_marks(markup: str, lines: set[int]) -> None:
    page = html_to_text(markup)
    assert page.history_at == lines
    for number in lines:
        assert page.text.split("\n")[number] in ("old", "attr")


@given(st.text(alphabet="<>/abp!-='\"&#;x0 \n\ud800\0"))
def test_any_markup_is_survived(markup: str) -> None:
    page = html_to_text(markup)
    page.text.encode("utf-8")
    assert "\n\n\n" not in page.text or "<pre" in markup
    assert all(0 <= number < len(page.text.split("\n")) for number in page.history_at)
