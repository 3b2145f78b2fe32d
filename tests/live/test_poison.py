"""Mail that is made to break whoever reads it: kept as it came, and clean text wherever it is read.

Each poison stands in every place of one mail, and each place of one mail holds all poisons. All of these are read in
every way there is: a reader whose answer is no JSON, or has a NUL, half a character or a line break where a header's
value is, fails by name.
"""

import base64
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import trio
from trio_websocket import open_websocket_url

from tests.live.conftest import Endpoint, Running, wait_until

pytestmark = pytest.mark.live

POISONS = {
    "NUL": b"a\0b",
    "an encoded NUL": b"=?utf-8?q?a=00b?=",
    "an encoded CRLF": b"=?utf-8?q?a=0D=0AX-Evil:_1?=",
    "an encoded LF": b"=?utf-8?b?" + base64.b64encode(b"a\nX-Evil: 1") + b"?=",
    "half a character": b"a\xed\xa0\x80b",
    "half a character, encoded": b"=?utf-8?q?a=ED=A0=80b?=",
    "half a character, by another charset": b"=?utf-7?q?a+2AA-b?=",
    "no UTF-8": b"a\xff\xfe\xc3\x28b",
    "an unknown charset": b"=?x-unknown?q?=E9=00?=",
    "half a word": b"=?utf-8?b?4pyT",
    "controls": b"a\x01\x08\x0b\x0c\x1b[31m\x7fb",
    "other line ends": "a\u2028b\u2029c\x85d".encode(),
    "text that runs the other way": "a\u202eb\u2066c".encode(),
}
PLACES = ("subject", "sender", "to", "cc", "reply_to", "message_id", "references", "charset", "file", "text", "html")


def mail(**places: bytes) -> bytes:
    """A mail with these bytes in these places."""
    put = {name: places.get(name, b"plain") for name in PLACES}
    return (
        b"From: %(sender)b <ada@example.test>\r\nTo: %(to)b <x@example.test>\r\nCc: %(cc)b <y@example.test>\r\n"
        b"Reply-To: %(reply_to)b <z@example.test>\r\nSubject: needle %(subject)b\r\n"
        b"Message-ID: <%(message_id)b@x.test>\r\nReferences: <%(references)b@x.test>\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: multipart/mixed; boundary=cut\r\n\r\n"
        b'--cut\r\nContent-Type: text/plain; charset="%(charset)b"\r\n\r\nneedle %(text)b\r\n'
        b"--cut\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<p>needle %(html)b</p>\r\n"
        b'--cut\r\nContent-Type: application/pdf; name="%(file)b"\r\n'
        b'Content-Disposition: attachment; filename="%(file)b"\r\n\r\nfile\r\n--cut--\r\n'
    ) % {name.encode(): value for name, value in put.items()}


MAILS = {name: mail(**dict.fromkeys(PLACES, poison)) for name, poison in POISONS.items()}
MAILS |= {f"all in {place}": mail(**{place: b" ".join(POISONS.values())}) for place in PLACES}
ONE_LINE = ("subject", "name", "filename", "from", "to", "cc", "reply_to", "message_id", "header_from", "summary")
"""Members whose value comes out of a header, by the end of their name."""


def strings(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """All texts of a JSON value, each with the name of the member that it is in."""
    match value:
        case dict():
            for key, item in value.items():
                yield "a name", key
                yield from strings(item, key)
        case list():
            for item in value:
                yield from strings(item, name)
        case str():
            yield name, value


def dirt(content: bytes | str) -> list[str]:
    """What is wrong with an answer that should be JSON."""
    try:
        value = json.loads(content)
    except ValueError as error:
        return [f"no JSON: {error}"]
    found = []
    for name, text in strings(value):
        if "\0" in text:
            found.append(f"NUL in {name}")
        if any("\ud800" <= character <= "\udfff" for character in text):
            found.append(f"half a character in {name}")
        if name.endswith(ONE_LINE) and ("\r" in text or "\n" in text):
            found.append(f"a line break in {name}: {text!r}")
    return found


def test_dirt_is_seen() -> None:
    assert dirt('{"a": "clean\\ntext", "subject": "\u2028"}') == []
    for told in ('{"a": ["\\u0000"]}', '{"\\u0000": 1}', '{"a": "\\ud800"}', '{"subject": "a\\r\\nb"}', "{", b"\xff"):
        assert dirt(told), told


@pytest.fixture(scope="module")
def sent(dev: Running) -> Mapping[str, str]:
    """All mails sent, to an agent that takes them and to one that holds them; the two addresses."""
    taking, holding = dev.agent("poisoned"), dev.agent("guarded")
    rules = {"gate": {"policy": "allowlist", "allowlist": ["nobody@nowhere.test"], "action": "review"}, "scan": {}}
    body = {"inbound": rules, "outbound": {"gate": {}, "scan": {}}, "holds": {}}
    status, answer = dev.api("PUT", f"/v1/agents/{holding}/protection", body)
    assert status == 200, answer
    with dev.smtp() as smtp:
        for number, raw in enumerate(MAILS.values()):
            smtp.sendmail(f"p{number}@example.test", [taking, holding], raw)
    return {"taking": taking, "holding": holding}


def items(dev: Running, path: str, member: str = "items") -> list[dict[str, Any]]:
    status, page = dev.api("GET", path)
    assert status == 200, page
    return list(page[member])


Reader = Callable[[Running, Mapping[str, str]], list[str]]


def v1(path: str) -> Reader:
    """One request; `{taking}` and `{holding}` are the agents."""
    return lambda _, agents: [path.format_map(agents)]


def each(listing: str, item: str, member: str = "items", key: str = "id") -> Reader:
    """A request for each row of a list."""

    def paths(dev: Running, agents: Mapping[str, str]) -> list[str]:
        rows = items(dev, listing.format_map(agents), member)
        assert len(rows) >= len(MAILS) or "conversations" in listing, listing
        return [item.format_map({**agents, "id": row[key]}) for row in rows]

    return paths


LIST = "/v1/agents/{taking}/messages?read_status=all"
CLASSIC = "/api/v1/agents/{taking}/messages?status=all"
READERS: Mapping[str, Reader] = {
    "list": v1(LIST),
    "get": each(LIST, "/v1/agents/{taking}/messages/{id}"),
    "view for models": each(LIST, "/v1/agents/{taking}/messages/{id}?view=model"),
    "attachment": each(LIST, "/v1/agents/{taking}/messages/{id}/attachments/0?inline=true"),
    "lifecycle": each(LIST, "/v1/agents/{taking}/messages/{id}/lifecycle"),
    "search": v1("/v1/agents/{taking}/messages?read_status=all&search=needle"),
    "filter": v1("/v1/agents/{taking}/messages?read_status=all&filter=subject:needle"),
    "subject_contains": v1("/v1/agents/{taking}/messages?read_status=all&subject_contains=needle"),
    "conversations": v1("/v1/agents/{taking}/conversations"),
    "conversation": each("/v1/agents/{taking}/conversations", "/v1/agents/{taking}/conversations/{id}"),
    "events": v1("/v1/events?agent_email={taking}"),
    "event": each("/v1/events?agent_email={taking}", "/v1/events/{id}"),
    "reviews": v1("/v1/reviews"),
    "review": each("/v1/reviews", "/v1/reviews/{id}"),
    "export": v1("/v1/account/export"),
    "classic list": v1(CLASSIC),
    "classic get": each(CLASSIC, "/api/v1/agents/{taking}/messages/{id}", "messages", "message_id"),
    "classic conversations": v1("/api/v1/agents/{taking}/conversations"),
    "classic events": v1("/api/v1/events"),
    "classic pending": v1("/api/v1/pending"),
    "classic export": v1("/api/v1/users/me/export"),
}


def octets(dev: Running, path: str) -> bytes:
    """An answer as it is on the wire."""
    request = urllib.request.Request(dev.api_url + path, headers={"Authorization": f"Bearer {dev.api_key}"})
    with urllib.request.urlopen(request, timeout=20) as response:
        return bytes(response.read())


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_gets_clean_text(dev: Running, sent: Mapping[str, str], reader: str) -> None:
    if reader == "search":
        wanted = f"/v1/agents/{sent['taking']}/messages?read_status=all&search=needle"
        wait_until(lambda: len(items(dev, wanted)) == len(MAILS))
    paths = READERS[reader](dev, sent)
    assert paths
    assert {path: found for path in paths if (found := dirt(octets(dev, path)))} == {}


def test_it_is_kept_as_it_came(dev: Running, sent: Mapping[str, str]) -> None:
    kept = set()
    for row in items(dev, LIST.format_map(sent)):
        raw = octets(dev, f"/v1/agents/{sent['taking']}/messages/{row['id']}/raw")
        _, message = dev.api("GET", f"/v1/agents/{sent['taking']}/messages/{row['id']}")
        assert base64.b64decode(message["raw_message"]) == raw
        kept.add(raw)
    assert kept == set(MAILS.values())


def test_the_socket_tells_it_clean(dev: Running, sent: Mapping[str, str]) -> None:
    taking = sent["taking"]
    for row in items(dev, LIST.format_map(sent)):
        dev.api("PATCH", f"/v1/agents/{taking}/messages/{row['id']}", {"read_status": "unread"})

    async def frames() -> list[str]:
        url = f"{dev.api_url.replace('http', 'ws', 1)}/v1/agents/{taking}/ws"
        headers = [("Authorization", f"Bearer {dev.api_key}")]
        with trio.fail_after(20):
            async with open_websocket_url(url, extra_headers=headers) as socket:
                return [str(await socket.get_message()) for _ in MAILS]

    assert [found for frame in trio.run(frames) if (found := dirt(frame))] == []


def test_an_endpoint_is_told_it_clean(dev: Running, sent: Mapping[str, str], endpoint: Endpoint) -> None:
    filters = {"agent_emails": list(sent.values())}
    types = ["email.received", "email.review_requested"]
    status, webhook = dev.api("POST", "/v1/webhooks", {"url": endpoint.url, "events": types, "filters": filters})
    assert status == 201, webhook
    with dev.smtp() as smtp:
        for number, raw in enumerate(MAILS.values()):
            smtp.sendmail(f"again{number}@example.test", list(sent.values()), raw + b"again\r\n")
    told = [endpoint.next(30).body for _ in range(2 * len(MAILS))]
    assert [found for body in told if (found := dirt(body))] == []
    assert {json.loads(body)["type"] for body in told} == set(types)
