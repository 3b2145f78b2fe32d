"""`search=` of listMessages, from the mail's way in to the marked words."""

from typing import Any

import pytest

from e2ad.gateway import searching
from e2ad.storage import search as storage
from e2ad.storage.pool import Database
from e2ad.workers.indexing import Indexer
from tests import factories

AGENT = "bot@agents.test"
INBOX = f"/v1/agents/{AGENT}/messages"


@pytest.fixture
async def inbox(client: Any, caller: Any, database: Database) -> Any:
    """The client, with a live agent of its account."""
    await factories.agent(database, caller.account_id, AGENT)
    return client


async def queue(database: Database) -> None:
    await database.execute(
        "insert into search_queue (created_at, account_id, message_id) select created_at, account_id, id from messages"
    )


async def index(database: Database) -> None:
    """All mail of the test, searchable."""
    await queue(database)
    while await Indexer(database).index():
        pass


async def found(inbox: Any, text: str, **query: Any) -> list[str]:
    answer = await inbox.get(INBOX, query={"search": text, **query})
    assert answer.status == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_words_are_found_where_they_are(inbox: Any, caller: Any, database: Database) -> None:
    async def mail(**columns: Any) -> str:
        return await factories.message(database, caller.account_id, **columns)

    fields: dict[str, Any] = {"header_from": "x@y.test", "sender_name": "", "subject": "", "body_text": ""}
    subject = await mail(**{**fields, "subject": "Quarterly invoice"})
    text = await mail(**{**fields, "body_text": "The invoices of Crème Brûlée GmbH, 東京都"})
    sender = await mail(**{**fields, "sender_name": "Ida Invoice", "header_from": "ida.k@books.test"})
    named = await mail(
        **fields, attachments=factories.Jsonb([{"index": 0, "filename": "invoice-7.pdf", "size_bytes": 1}])
    )
    other = await mail(**{**fields, "body_text": "nothing of that"})
    await index(database)
    assert set(await found(inbox, "invoice")) == {subject, text, sender, named}
    assert await found(inbox, '"invoices"') == [text]
    assert await found(inbox, "subject:invoice") == [subject]
    assert await found(inbox, "from:ida.k@books.test") == [sender]
    assert await found(inbox, "from:invoice") == [sender]
    assert await found(inbox, "has:attachment") == [named]
    assert await found(inbox, "creme brulee") == [text]
    assert await found(inbox, '"brulee gmbh"') == [text]
    assert await found(inbox, '"gmbh brulee"') == []
    assert await found(inbox, "京都") == [text]
    assert await found(inbox, "都") == [text]
    assert set(await found(inbox, "-invoice")) == {other}
    assert set(await found(inbox, "quarterly OR 7")) == {subject, named}
    assert await found(inbox, "!!!") == []
    assert await found(inbox, "\x01 \u202e") == []


async def test_all_other_conditions_hold_too(inbox: Any, caller: Any, database: Database) -> None:
    old = await factories.message(database, caller.account_id, number=1)
    read = await factories.message(database, caller.account_id, number=2, unread=False, labels=["x"])
    trashed = await factories.message(database, caller.account_id, number=3, deleted_at=factories.EPOCH)
    for status in ("pending_review", "pending_screening", "review_rejected"):
        await factories.message(database, caller.account_id, number=4, review_status=status)
    await index(database)
    assert await found(inbox, "morning") == [old]
    assert await found(inbox, "morning", read_status="all") == [read, old]
    assert await found(inbox, "morning", read_status="all", sort="asc") == [old, read]
    assert await found(inbox, "morning", read_status="all", labels="x") == [read]
    assert await found(inbox, "morning", read_status="all", since="2026-07-01T12:02:00Z") == [read]
    assert await found(inbox, "morning", read_status="all", filter="label:x") == [read]
    assert await found(inbox, "morning", direction="outbound") == []
    assert await found(inbox, "morning", deleted="true") == [trashed]


@pytest.mark.parametrize("most", [storage.MOST_IDS, 3])
async def test_pages_go_on_in_the_order_of_time(
    inbox: Any, caller: Any, database: Database, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Whether the ids are handed over, or the list asks each mail on its way."""
    monkeypatch.setattr(storage, "MOST_IDS", most)
    ids = [
        await factories.message(database, caller.account_id, number=n, subject="even" if n % 2 == 0 else "odd")
        for n in range(14)
    ]
    await index(database)
    for sort, expected in (("desc", ids[::-2][::1]), ("asc", ids[1::2])):
        seen, query = list[str](), {"search": "odd", "limit": 2, "sort": sort}
        while True:
            page = (await inbox.get(INBOX, query=query)).json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            query = {**query, "cursor": page["next_cursor"]}
        assert seen == expected
    first = (await inbox.get(INBOX, query={"search": "odd", "limit": 2})).json()["next_cursor"]
    for other in ({"search": "even"}, {}):
        answer = await inbox.get(INBOX, query={"limit": 2, "cursor": first, **other})
        assert (answer.status, answer.code) == (400, "invalid_cursor")


async def test_hits_are_marked(inbox: Any, caller: Any, database: Database) -> None:
    await factories.message(database, caller.account_id, subject="Invoice\u202e 7", body_text="a\nb invoices <b>c</b>")
    await index(database)
    (item,) = (await inbox.get(INBOX, query={"search": "invoice"})).json()["items"]
    assert item["highlights"] == [
        {"field": "subject", "text": "Invoice\ufffd 7", "ranges": [[0, 8]]},
        {"field": "text", "text": "a b invoices <b>c</b>", "ranges": [[4, 12]]},
    ]
    (item,) = (await inbox.get(INBOX)).json()["items"]
    assert "highlights" not in item


async def test_large_pages_are_marked_too(inbox: Any, caller: Any, database: Database) -> None:
    for number in range(3):
        text = "filler " * 4000 + "needle " + "é" * 100_000
        await factories.message(database, caller.account_id, number=number, body_text=text)
    await index(database)
    items = (await inbox.get(INBOX, query={"search": "needle"})).json()["items"]
    assert [one["highlights"][0]["ranges"] for one in items] == [[[51, 57]]] * 3


async def test_marks_that_take_too_long_are_left_out(
    inbox: Any, caller: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await factories.message(database, caller.account_id, body_text="needle")
    await index(database)
    monkeypatch.setattr(searching, "LONGEST_SECONDS", 0)
    (item,) = (await inbox.get(INBOX, query={"search": "needle"})).json()["items"]
    assert item["highlights"] == []


async def test_mail_out_is_found_once_it_is_accepted(client: Any, caller: Any, api: Any, database: Database) -> None:
    await api.make_agent(database, caller.account_id, AGENT)
    review = {"inbound": {"gate": {}, "scan": {}}, "outbound": {"gate": {}, "scan": {}, "require_review": True}}
    assert (await client.put(f"/v1/agents/{AGENT}/protection", {**review, "holds": {}})).status == 200
    client.services.public_url = "https://e2a.test"
    mail = {"to": ["ada@example.org"], "subject": "Hi", "text": "The secret plan"}
    sent = (await client.post(INBOX, mail)).json()
    assert await Indexer(database).index() == 0
    answer = await client.post(f"/v1/reviews/{sent['message_id']}/approve", {"text": "The other plan"})
    assert answer.status in (200, 202), answer.text
    assert await Indexer(database).index() == 1
    assert await found(client, "plan", direction="outbound") == [sent["message_id"]]
    assert await found(client, "plan") == []


@pytest.mark.parametrize("text", ["x" * 501, 'an "open', "a OR", "from:", " ".join("a" * 40)])
async def test_what_is_refused(inbox: Any, text: str) -> None:
    answer = await inbox.get(INBOX, query={"search": text})
    assert (answer.status, answer.code) == (400, "invalid_filter")


async def test_a_search_is_two_statements(inbox: Any, caller: Any, database: Database) -> None:
    for number in range(5):
        await factories.message(database, caller.account_id, number=number)
    await index(database)
    await found(inbox, "morning")
    before = database.statements
    assert len(await found(inbox, "morning")) == 5
    assert database.statements == before + 2


async def test_nobody_elses_mail_is_found(inbox: Any, caller: Any, database: Database, stranger: str) -> None:
    await factories.agent(database, caller.account_id, "other@agents.test")
    await factories.message(database, caller.account_id, "other@agents.test")
    mine = await factories.message(database, caller.account_id)
    await index(database)
    assert await found(inbox, "morning") == [mine]
    assert (await inbox.get(INBOX, query={"search": "morning"}, key=stranger)).status == 404
    assert (await inbox.get(INBOX, query={"search": "!!!"}, key=stranger)).status == 404


POISON = {
    "NULs": "\0needle\0",
    "surrogates": "\ud800 needle",
    "one word": "x" * 1_000_000 + " needle",
    "first a needle": "needle " + "x" * 1_000_000,
    "right to left": "\u202eשלום needle مرحبا",
    "emoji": "🎉needle🎉 👨‍👩‍👧",
    "quotes": "'needle' \\ ' :* & | ! <->",
    "all of Han": "needle " + "".join(map(chr, range(0x3400, 0x9FFF))),
    "words without end": "needle " + " ".join(f"{n:x}" for n in range(200_000)),
}


async def test_poison_is_indexed_and_found(inbox: Any, caller: Any, database: Database) -> None:
    expected = set()
    for name, text in POISON.items():
        raw = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + text.encode("utf-8", "surrogatepass")
        mail = await factories.message(database, caller.account_id, raw=raw)
        if name != "one word":  # behind the bound of what is searched
            expected.add(mail)
    await index(database)
    assert set(await found(inbox, "needle")) == expected
    assert await found(inbox, "🎉 needle שלום") == []
    assert len(await found(inbox, "🎉")) == len(await found(inbox, "שלום")) == 1
    assert len(await found(inbox, "x" * 400)) == 2
    assert len(await found(inbox, "㐀㐁")) == 1
