"""A word to the operator, from anybody."""

from typing import Any

import pytest

from e2ad.gateway import remarks
from tests.api.conftest import Client

PATH = "/api/feedback"


async def kept(client: Client) -> list[dict[str, Any]]:
    return await client.services.db.fetch_all("select * from feedback order by created_at, id")


async def test_a_word_is_kept_and_not_logged(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.key = None
    body = {
        "message": "  The docs\nare good. ",
        "email": " Ada@Example.org ",
        "category": "pra\nise",
        "page": "/docs",
        "version": 3,
        "nested": {"a": []},
    }
    answer = await client.post(PATH, body)
    assert answer.status == 200, answer.text
    (row,) = await kept(client)
    assert answer.json() == {"status": "received", "id": row["id"]}
    assert row["id"].startswith("fb_")
    assert (row["kind"], row["body"], row["reply_to"], row["page"]) == (
        "pra ise",
        "The docs\nare good.",
        "ada@example.org",
        "/docs",
    )
    told = "".join(capsys.readouterr())
    assert "remark_received" in told
    assert "docs" not in told
    assert "Ada" not in told


@pytest.mark.parametrize(
    "body", [{"body": "x"}, {"text": "x", "message": ""}, {"message": "x", "email": None, "page": ""}]
)
async def test_other_forms_are_read(client: Client, body: Any) -> None:
    assert (await client.post(PATH, body)).status == 200
    (row,) = await kept(client)
    assert (row["kind"], row["body"], row["reply_to"], row["page"]) == ("", "x", None, None)


@pytest.mark.parametrize(
    ("raw", "status", "line"),
    [
        (b"", 400, "invalid request body\n"),
        (b"{", 400, "invalid request body\n"),
        (b"[]", 400, None),
        (b"{}", 400, "message is required\n"),
        (b'{"message": " "}', 400, "message is required\n"),
        (b'{"message": 7}', 400, None),
        (b'{"message": "\\u0000"}', 400, "invalid request body\n"),
        (b'{"message": "\xff"}', 400, "invalid request body\n"),
        (b'{"message": "' + b"x" * 8001 + b'"}', 400, "message must have at most 8000 characters\n"),
        (b'{"message": "x", "email": "nobody"}', 400, None),
        (b'{"message": "x", "email": "' + b"a" * 400 + b'"}', 400, "email must have at most 320 characters\n"),
        (b'{"message": "' + b"x" * 40_000 + b'"}', 413, None),
    ],
)
async def test_what_is_no_word_is_told_in_a_line(client: Client, raw: bytes, status: int, line: str | None) -> None:
    answer = await client.request("POST", PATH, raw=raw, headers={"content-type": "application/json"})
    assert answer.status == status
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.text.count("\n") == 1
    if line is not None:
        assert answer.text == line
    assert await kept(client) == []


async def test_long_labels_are_cut(client: Client) -> None:
    await client.post(PATH, {"message": "x", "type": "k" * 500, "url": "u" * 5000})
    (row,) = await kept(client)
    assert (len(row["kind"]), len(row["page"])) == (64, 2048)


async def test_ten_an_hour_of_one_address(client: Client) -> None:
    for _ in range(remarks.PER_HOUR):
        assert (await client.post(PATH, {"message": "x"})).status == 200
    answer = await client.post(PATH, {"message": "x"})
    assert (answer.status, answer.headers["content-type"]) == (429, "text/plain; charset=utf-8")
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    client.address = "192.0.2.8"
    assert (await client.post(PATH, {"message": "x"})).status == 200
    assert len(await kept(client)) == remarks.PER_HOUR + 1


async def test_a_crowd_is_bounded_too(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remarks, "PER_DAY", 3)
    found = []
    for number in range(5):
        client.address = f"192.0.2.{number + 10}"
        found.append((await client.post(PATH, {"message": "x"})).status)
    assert found == [200, 200, 200, 429, 429]
    assert len(await kept(client)) == 3


async def test_it_is_only_posted(client: Client) -> None:
    for method in ("GET", "PUT", "DELETE"):
        answer = await client.request(method, PATH)
        assert (answer.status, answer.text) == (405, "method not allowed\n")
