"""The request to review on the developer's console: read from the mail that would have gone out."""

from datetime import UTC, datetime, timedelta

import pytest
import trio

from e2ad.core.outbound import Draft
from e2ad.dev.notices import Request, SignInLink, request_of, sign_in_of, watch
from e2ad.gateway import notices
from e2ad.gateway.sign_in_notice import sign_in_notice
from e2ad.storage.captured import Notice, notices_since
from e2ad.storage.pool import Database
from tests import factories

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
MESSAGE = "msg_" + "0" * 32


def notice(subject: str = "Offer") -> Notice:
    made = notices.review_request(
        Draft(agent_email="bot@agents.test", to=("ada@b.test",), subject=subject),
        message_id=MESSAGE,
        sha256=b"\1" * 32,
        reason="why",
        expires_at=AT,
        at=AT,
        to="you@b.test",
        secret="s" * 64,
        public_url="http://127.0.0.1:8080",
        from_domain="agents.test",
    )
    return Notice(made.id, MESSAGE, made.content)


def test_the_links_of_a_request() -> None:
    found = request_of(notice("Größe " + "x" * 300))
    assert found is not None
    assert found.message_id == MESSAGE
    assert "bot@agents.test: Größe" in found.subject
    for action, link in (("approve", found.approve), ("reject", found.reject)):
        start, _, token = link.partition("?t=")
        assert start == f"http://127.0.0.1:8080/v1/{action}"
        assert token.count(".") == 1
        assert len(token) > 80


@pytest.mark.parametrize("content", [b"", b"Subject: x\r\n\r\nhttp://h/v1/approve?t=a.b only\r\n"])
def test_other_mail_asks_for_nothing(content: bytes) -> None:
    assert request_of(Notice("ntc_1", MESSAGE, content)) is None
    assert request_of(Notice("ntc_1", None, notice().content)) is None


def sign_in_letter() -> Notice:
    made = sign_in_notice(
        to="you@b.test",
        link="http://127.0.0.1:8080/api/auth/link?t=sil_" + "5e" * 32,
        host="127.0.0.1:8080",
        browser="Firefox on Linux",
        network="127.0.0.0/24",
        at=AT,
        until=AT + timedelta(minutes=15),
        from_domain="agents.test",
    )
    return Notice(made.id, None, made.content)


def test_the_link_to_sign_in() -> None:
    found = sign_in_of(sign_in_letter())
    assert found == SignInLink("you@b.test", "http://127.0.0.1:8080/api/auth/link?t=sil_" + "5e" * 32)
    assert request_of(sign_in_letter()) is None
    assert sign_in_of(notice()) is None
    assert sign_in_of(Notice("ntc_1", None, notice().content)) is None
    assert sign_in_of(Notice("ntc_1", None, b"Subject: x\r\n\r\nhttp://h/api/auth/link?t=sil_x\r\n")) is None


@pytest.fixture
async def account(database: Database) -> str:
    return (await factories.account(database)).account_id


async def write(database: Database, number: int, account: str) -> None:
    one = notice(f"Offer {number}")
    await database.execute(
        "insert into notices (id, account_id, kind, recipient, message_id, content)"
        " values (%(id)s, %(account)s, 'review', 'you@b.test', %(message)s, %(content)b)",
        {"id": one.id, "account": account, "message": f"msg_{number:032}", "content": one.content},
    )
    await database.execute("select pg_notify('e2ad_submissions', '')")


async def test_each_request_is_shown_once(database: Database, account: str) -> None:
    shown: list[Request | SignInLink] = []
    came = trio.Event()

    def show(request: Request | SignInLink) -> None:
        shown.append(request)
        came.set()

    await write(database, 0, account)  # before anybody looked: of an earlier run
    await database.execute("update notices set created_at = now() - interval '1 hour'")
    async with trio.open_nursery() as nursery:
        await nursery.start(watch, database.dsn, show)
        for number in (1, 2, 3):
            await write(database, number, account)
            with trio.fail_after(10):
                await came.wait()
            came = trio.Event()
        one = sign_in_letter()
        await database.execute(
            "insert into notices (id, account_id, kind, recipient, content)"
            " values (%(id)s, %(account)s, 'sign_in', 'you@b.test', %(content)b)",
            {"id": one.id, "account": account, "content": one.content},
        )
        await database.execute("select pg_notify('e2ad_submissions', '')")
        with trio.fail_after(10):
            await came.wait()
        nursery.cancel_scope.cancel()
    assert shown.pop() == sign_in_of(one)
    assert [request.message_id for request in shown if isinstance(request, Request)] == [
        f"msg_{number:032}" for number in (1, 2, 3)
    ]


async def test_a_flood_shows_the_last(database: Database, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("e2ad.storage.captured.BATCH", 2)
    for number in range(3):
        await write(database, number, account)
    found = await notices_since(database, datetime.now(UTC) - timedelta(hours=1))
    assert [one.message_id for one in found] == ["msg_" + "1".zfill(32), "msg_" + "2".zfill(32)]
