"""OAuth's checks, without anybody asking."""

import hashlib
from base64 import urlsafe_b64encode
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.errors import OAuthRefused
from e2ad.core.oauth import (
    answer_url,
    form_targets,
    is_challenge,
    match_redirect,
    origin_of,
    proves,
    read_resource,
    read_scope,
    redirect_problem,
    shown_target,
)
from e2ad.core.oauth_clients import document_url, is_registered_id, read_document
from e2ad.core.oauth_consent import ConsentRequest

RFC_7636_VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
RFC_7636_CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_the_example_of_rfc_7636() -> None:
    assert proves(RFC_7636_VERIFIER, RFC_7636_CHALLENGE)
    assert is_challenge(RFC_7636_CHALLENGE)
    assert not proves(RFC_7636_CHALLENGE, RFC_7636_CHALLENGE)


@pytest.mark.parametrize("length", [0, 42, 129])
def test_a_verifier_has_its_length(length: int) -> None:
    verifier = "a" * length
    challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert not proves(verifier, challenge)


@given(st.text(max_size=200), st.text(max_size=60))
def test_nothing_proves_anything_by_accident(verifier: str, challenge: str) -> None:
    assert not proves(verifier, challenge)


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "https://app.example:8443/a?b=c&d=%20",
        "https://app.example",
        "http://localhost/cb",
        "http://localhost:33418/",
        "http://127.0.0.1:1/cb",
        "http://[::1]:1/cb",
        "com.example.app:/callback",
        "com.example.app://callback",
    ],
)
def test_redirect_uris(uri: str) -> None:
    assert redirect_problem(uri) is None
    assert match_redirect([uri], uri)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "//app.example/callback",
        "https:/app.example",
        "https:///callback",
        "https://good.example%2eevil.example/",
        "https://good.example&evil.example/",
        "https://",
        "https://user@app.example/",
        "https://user:pass@app.example/",
        "https://app.example/#",
        "https://app.example/#x",
        "https://app.example/a b",
        "https://app.example/\n",
        "https://app.example/ä",
        "https://app.example\\@evil.example/",
        "https://app.example:99999/",
        "https://app.example:0/",
        "https://app.example:x/",
        "https://[::1/",
        "http://app.example/",
        "http://127.0.0.1.evil.example/",
        "http://127.0.0.2/",
        "http://0.0.0.0/",
        "http://localhost.evil.example/",
        "http:callback",
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "about:blank",
        "myapp:/callback",
        ".app:/x",
        "com..app:/x",
        "java script.x:alert(1)",
        "https://app.example/" + "x" * 2048,
    ],
)
def test_what_is_no_redirect_uri(uri: str) -> None:
    assert redirect_problem(uri)
    assert not match_redirect(["https://app.example/callback", "http://localhost/"], uri)


@given(st.text(max_size=60))
def test_nothing_matches_but_what_is_registered(uri: str) -> None:
    assert not match_redirect(["https://app.example/callback"], uri)


@pytest.mark.parametrize(
    ("uri", "shown", "targets"),
    [
        ("https://app.example:8443/x", "app.example", "'self' https:"),
        ("http://127.0.0.1:7/x", "this computer (127.0.0.1)", "'self' https: http:"),
        ("com.example.app:/x", "an app on this device (com.example.app:)", "'self' https: com.example.app:"),
    ],
)
def test_where_it_leads(uri: str, shown: str, targets: str) -> None:
    assert (shown_target(uri), form_targets(uri)) == (shown, targets)


@pytest.mark.parametrize("base", ["https://a.example/", "https://a.example/?x=1", "https://a.example/?", "a.b:/c"])
@given(state=st.text(min_size=1, max_size=40))
def test_the_answer_is_added_to_the_query(base: str, state: str) -> None:
    try:
        state.encode()
    except UnicodeEncodeError:
        return
    url = answer_url(base, {"code": "c", "state": state, "iss": ""})
    assert url.startswith(base)
    assert url.isascii()
    pairs = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))
    assert {name: pairs[name] for name in ("code", "state")} == {"code": "c", "state": state}
    assert "iss" not in pairs


@pytest.mark.parametrize(
    ("asked", "scopes"),
    [
        ("", ("agent", "account")),
        ("agent account", ("agent", "account")),
        ("account", ("agent", "account")),
        ("agent", ("agent",)),
        ("mcp", ("agent", "account")),
        ("agent mcp unknown", ("agent",)),
    ],
)
def test_scopes(asked: str, scopes: tuple[str, ...]) -> None:
    assert read_scope(asked) == scopes


@pytest.mark.parametrize("asked", ["admin", "mcp admin", "AGENT"])
def test_scopes_that_there_are_not(asked: str) -> None:
    with pytest.raises(OAuthRefused) as caught:
        read_scope(asked)
    assert caught.value.error == "invalid_scope"


ISSUER = "https://e2ad.example"


@pytest.mark.parametrize(
    ("values", "resource"),
    [
        ([], None),
        ([""], None),
        ([ISSUER], ISSUER),
        ([ISSUER + "/"], ISSUER),
        ([ISSUER + "/mcp", ISSUER + "/mcp/"], ISSUER + "/mcp"),
        (["https://E2AD.example:443/mcp"], "https://E2AD.example:443/mcp"),
    ],
)
def test_resources(values: list[str], resource: str | None) -> None:
    assert read_resource(values, ISSUER) == resource


@pytest.mark.parametrize(
    "value",
    [
        "https://other.example",
        "http://e2ad.example",
        "https://e2ad.example:8443",
        "https://e2ad.example.evil.example",
        "https://e2ad.example@evil.example",
        "https://x@e2ad.example/",
        "https://e2ad.example/#x",
        "https://e2ad.example/ä",
        "https://e2ad.example/\n",
        "mcp",
        "https://[",
    ],
)
def test_resources_of_others(value: str) -> None:
    with pytest.raises(OAuthRefused) as caught:
        read_resource([value], ISSUER)
    assert caught.value.error == "invalid_target"


def test_origins() -> None:
    assert origin_of("http://[::1]:8080/x") == "http://[::1]:8080"
    assert origin_of("https://a.example:443/x") == origin_of("https://A.example") == "https://a.example"


@pytest.mark.parametrize(
    ("client_id", "is_url"),
    [
        ("https://app.example/client.json", True),
        ("https://app.example:8443/oauth/c?x=1", True),
        ("https://app.example", False),
        ("https://app.example/", False),
        ("http://app.example/client.json", False),
        ("https://user@app.example/client.json", False),
        ("https://app.example/client.json#x", False),
        ("https://app.example/a/../client.json", False),
        ("https://app.example/./client.json", False),
        ("https://app.example/a b", False),
        ("https://app.example/ä", False),
        ("https://app.example:x/c", False),
        ("https:///c", False),
        ("https://app.example/" + "x" * 1100, False),
        ("mcp_0123456789ab", False),
    ],
)
def test_urls_that_are_ids(client_id: str, is_url: bool) -> None:
    assert document_url(client_id) is is_url


def test_ids_of_ours() -> None:
    assert is_registered_id("mcp_0123456789ab")
    assert not any(
        map(is_registered_id, ["mcp_0123456789a", "mcp_0123456789abc", "mcp_0123456789aB", "mcp_0123456789ab\n"])
    )


URL = "https://app.example/client.json"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<html>",
        b"[]",
        b'{"client_id":"https://other.example/c","redirect_uris":["https://app.example/cb"]}',
        b'{"redirect_uris":["https://app.example/cb"]}',
        b'{"client_id":"https://app.example/client.json"}',
        b'{"client_id":"https://app.example/client.json","redirect_uris":["javascript:x"]}',
        b'{"client_id":"https://app.example/client.json","redirect_uris":["https://app.example/cb"],"client_secret":"x"}',
        b'{"client_id":"https://app.example/client.json","redirect_uris":["https://a.example/"],"client_name":"\\u0000"}',
    ],
)
def test_documents_that_describe_nobody(raw: bytes) -> None:
    with pytest.raises(OAuthRefused):
        read_document(raw, URL)


@given(st.binary(max_size=200))
def test_documents_of_any_bytes(raw: bytes) -> None:
    with pytest.raises(OAuthRefused):
        read_document(raw, URL)


REQUEST = ConsentRequest("a", "mcp_0123456789ab", URL, ("agent",), "s", "c", None, "n", 100)


def test_a_form_is_for_one_session_and_some_time() -> None:
    token = REQUEST.token("secret", b"session")
    assert ConsentRequest.opened(["other", "secret"], token, b"session", 99.9) == REQUEST
    assert ConsentRequest.opened(["secret"], token, b"session", 100) is None
    assert ConsentRequest.opened(["secret"], token, b"another", 0) is None
    assert ConsentRequest.opened(["other"], token, b"session", 0) is None


@given(st.text(max_size=100))
def test_no_text_is_a_form(text: str) -> None:
    assert ConsentRequest.opened(["secret"], text, b"session", 0) is None
