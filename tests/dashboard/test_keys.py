"""Keys on pages: made and shown once, revoked, of whom; programs that were let in; secrets that sign."""

import re
from datetime import timedelta
from typing import Any

import pytest

from e2ad.core.oauth import SCOPES
from e2ad.dashboard.words import NOTICES
from e2ad.gateway import signing_secrets
from e2ad.gateway.idempotency import Claim
from e2ad.gateway.mint import new_id, new_secret, now
from tests import factories
from tests.api.conftest import Client, make_agent
from tests.api.world import rows
from tests.dashboard.conftest import AGENT, Browser, seen

KEYS = "/dashboard/keys"
SECRETS = "/dashboard/keys/signing-secrets"
CONNECTIONS = "/dashboard/keys/connections"
KEY = re.compile(r"e2a_(?:acct|agt)_[0-9a-f]{64}")
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' hx-get='/dashboard/start' hx-trigger='load",
    "\u202egpj.exe\u2066\u200b",
    "{{ 7*7 }}</title><script>alert(1)</script>",
]


async def form(browser: Browser, path: str) -> dict[str, str]:
    """What a browser would send of the form on a page, left as it is."""
    answer = await browser.get(path)
    assert answer.status == 200, answer.text
    page = seen(answer)
    fields = {
        found["name"] or "": found.get("value") or ""
        for tag, found in page.elements
        if tag == "input" and "name" in found and found["name"] != "q"
    }
    assert re.fullmatch(r"[0-9a-f]{64}", fields["once"])
    return fields


async def make(browser: Browser, name: str = "mine", scope: str = "", expires: str = "0") -> tuple[str, str]:
    """A key made by the form; the key, and its id."""
    fields = await form(browser, f"{KEYS}/new") | {"name": name, "scope": scope, "expires": expires}
    answer = await browser.post(KEYS, fields)
    assert answer.status == 200, answer.text
    (key,) = KEY.findall(answer.text)
    found = await browser.client.services.db.fetch_value(
        "select id from api_keys where key_prefix = %(prefix)s", {"prefix": key[:16]}
    )
    return key, found


async def works(browser: Browser, key: str, path: str = "/v1/account") -> int:
    client = Client(browser.client.app, browser.client.services)
    return (await client.get(path, key=key)).status


async def test_a_key_is_shown_once_and_opens_the_account(browser: Browser) -> None:
    fields = await form(browser, f"{KEYS}/new") | {"name": "My program", "scope": "", "expires": "30"}
    answer = await browser.post(KEYS, fields)
    assert answer.status == 200
    assert answer.headers["cache-control"] == "no-store"
    assert "location" not in answer.headers
    (key,) = set(KEY.findall(answer.text))
    page = seen(answer)
    assert "#new-key" in page.all("button", "data-copy")
    assert "shown this once" in page.text
    assert "$E2A_URL/v1/account" in page.text
    assert await works(browser, key) == 200
    # Once more: neither another key, nor the same one again.
    before = await rows(browser.client)
    for _ in range(2):
        again = await browser.post(KEYS, fields)
        assert (again.status, again.headers["location"]) == (303, f"{KEYS}?did=key_shown")
        assert key not in again.text
    assert await rows(browser.client) == before
    answer = await browser.get(f"{KEYS}?did=key_shown")
    assert NOTICES["key_shown"] in answer.text
    assert key not in answer.text
    text = seen(answer).text
    assert "My program" in text
    assert key[:16] in text
    assert "The whole account" in text


async def test_a_key_of_one_inbox_opens_nothing_else(browser: Browser) -> None:
    await make_agent(browser.client.services.db, browser.account_id, "second@agents.localhost")
    page = seen(await browser.get(f"{KEYS}/new?agent={AGENT.upper()}"))
    chosen = [found["value"] for tag, found in page.elements if tag == "option" and "selected" in found]
    assert chosen == [AGENT, "90"]
    key, _ = await make(browser, "bot", AGENT)
    assert key.startswith("e2a_agt_")
    assert await works(browser, key, f"/v1/agents/{AGENT}/messages") == 200
    assert await works(browser, key, "/v1/agents/second@agents.localhost/messages") in (403, 404)
    await make(browser, "whole")
    text = seen(await browser.get(f"{KEYS}?agent={AGENT}")).text
    assert "bot" in text
    assert "whole" not in text
    assert "No key of this inbox" in seen(await browser.get(f"{KEYS}?agent=second@agents.localhost")).text


@pytest.mark.parametrize(("days", "most"), [("7", 8), ("365", 366)])
async def test_a_key_stops_by_itself(browser: Browser, days: str, most: int) -> None:
    _, key_id = await make(browser, expires=days)
    db = browser.client.services.db
    until = await db.fetch_value("select expires_at from api_keys where id = %(id)s", {"id": key_id})
    assert timedelta(days=most - 1) <= until - now() <= timedelta(days=most)
    await db.execute("update api_keys set expires_at = now() - interval '1 minute' where id = %(id)s", {"id": key_id})
    assert "expired" in seen(await browser.get(KEYS)).text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scope": "nobody@agents.localhost"}, "no agent of this account"),
        ({"scope": "other@agents.localhost"}, "no agent of this account"),
        ({"name": "x" * 201}, "200"),
        ({"expires": "-1"}, "choose when the key stops"),
        ({"expires": "soon"}, "choose when the key stops"),
        ({"expires": ""}, "choose when the key stops"),
        ({"once": ""}, "open it again"),
        ({"once": "x" * 64}, "open it again"),
    ],
    ids=str,
)
async def test_a_form_that_cannot_be_done_is_shown_again(
    browser: Browser, stranger: Browser, given: dict[str, str], said: str
) -> None:
    fields = await form(browser, f"{KEYS}/new") | {"name": "mine", "scope": "", "expires": "0"} | given
    before = await rows(browser.client)
    answer = await browser.post(KEYS, fields)
    assert 400 <= answer.status < 500
    assert said.lower() in seen(answer).text.lower()
    assert not KEY.search(answer.text)
    assert f'value="{fields["name"]}"' in answer.text
    assert await rows(browser.client) == before
    # What it offers instead works.
    once = re.search(r'name="once" value="([0-9a-f]{64})"', answer.text)
    assert once is not None
    again = await browser.post(KEYS, {"name": "mine", "scope": "", "expires": "0", "once": once[1]})
    assert again.status == 200
    assert KEY.search(again.text)


async def test_the_same_form_with_other_words_makes_nothing(browser: Browser) -> None:
    fields = await form(browser, f"{KEYS}/new") | {"name": "one", "scope": "", "expires": "0"}
    assert (await browser.post(KEYS, fields)).status == 200
    before = await rows(browser.client)
    answer = await browser.post(KEYS, fields | {"name": "two"})
    assert answer.status == 422
    assert "sent before with other words" in answer.text
    assert await rows(browser.client) == before


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_are_text_on_every_page(browser: Browser, name: str) -> None:
    _, key_id = await make(browser, name)
    grant_id = await let_in(browser, name)
    fields = await form(browser, SECRETS)
    secret = await browser.post(SECRETS, fields | {"name": name})
    paths = [KEYS, f"{KEYS}/{key_id}/revoke", CONNECTIONS, f"{CONNECTIONS}/{grant_id}/end", SECRETS]
    for path in paths:
        answer = await browser.get(path)
        assert answer.status == 200
        page = seen(answer)
        assert len(page.all("script", "src")) == len([tag for tag, _ in page.elements if tag == "script"]) == 2
        assert not [found for _, found in page.elements if any(one.startswith("on") for one in found)]
        assert not [tag for tag, found in page.elements if tag == "img" or found.get("hx-trigger") == "load"]
        if path != SECRETS or secret.status == 303:
            assert re.search(r"script|img|hx-get|gpj|7\*7", page.text), path
        for character in "\u202e\u2066\u200b":
            assert character not in answer.text


async def test_a_revoked_key_opens_nothing(browser: Browser) -> None:
    key, key_id = await make(browser)
    there = f"{KEYS}/{key_id}/revoke"
    page = seen(await browser.get(there))
    assert "refused from the next request on" in page.text
    assert "signed in here with this key" not in page.text
    fields = await form(browser, there)
    assert await works(browser, key) == 200
    for _ in range(2):  # a second click is the same
        answer = await browser.post(there, fields)
        assert (answer.status, answer.headers["location"]) == (303, f"{KEYS}?did=key_revoked")
    assert await works(browser, key) == 401
    assert key[:16] not in (await browser.get(KEYS)).text
    assert (await browser.get(there)).status == 404
    answer = await browser.post(there, {"once": new_secret()})
    assert answer.status == 404
    assert "It may have been deleted" in answer.text


async def test_to_revoke_the_key_that_one_is_signed_in_with_signs_out(browser: Browser) -> None:
    services = browser.client.services
    _, key_id = await make(browser, "for the browser")
    for _ in range(3):
        token = await services.sessions.begin(browser.account_id, key_id)
    own = Browser(browser.client, browser.account_id, token)
    there = f"{KEYS}/{key_id}/revoke"
    text = seen(await own.get(there)).text
    assert "Revoking it signs you out at once, and 2 more browsers." in text
    assert "you are signed in with it" in seen(await own.get(KEYS)).text
    assert "somebody is signed in with it" in seen(await browser.get(KEYS)).text
    assert "3 browsers are signed in with this key" in seen(await browser.get(there)).text
    answer = await own.post(there, await form(own, there))
    assert answer.status == 303
    answer = await own.get(answer.headers["location"])
    assert answer.status == 303
    assert answer.headers["location"].startswith("/api/auth/login?next=")
    assert (await browser.get(KEYS)).status == 200


async def test_lists_page(browser: Browser) -> None:
    db = browser.client.services.db
    for number in range(60):
        await factories.api_key(db, browser.account_id, name=f"acct {number:03}")
        await factories.api_key(db, browser.account_id, agent_email=AGENT, scope="agent", name=f"agt {number:03}")
    for start, kinds in ((KEYS, ("acct", "agt")), (f"{KEYS}?agent={AGENT}", ("agt",))):
        found, path = list[str](), start
        for _ in range(5):
            page = seen(await browser.get(path))
            found += re.findall(r"(?:acct|agt) \d{3}(?= e2a)", page.text)
            onward = [one["href"] for tag, one in page.elements if tag == "a" and one.get("rel") == "next"]
            if not onward:
                assert "First page" in page.text
                break
            path = str(onward[0])
        assert sorted(found) == [f"{kind} {number:03}" for kind in kinds for number in range(60)]
    assert (await browser.get(f"{KEYS}?cursor=nonsense")).status == 400


async def test_an_account_without_keys_is_told_what_they_are_for(browser: Browser) -> None:
    await browser.client.services.db.execute("update api_keys set revoked_at = now()")
    text = seen(await browser.get(KEYS)).text
    assert "No keys" in text
    assert "Create a key" in text


async def let_in(browser: Browser, name: str = "An assistant", agent: str | None = AGENT) -> str:
    """A program that has access; its id."""
    db, client_id, grant_id = browser.client.services.db, new_id("mcp_"), new_id("grt_")
    await db.execute(
        "insert into oauth_clients (id, name, redirect_uris, registered_from) values (%(id)s, %(name)s, '{}', '')",
        {"id": client_id, "name": name},
    )
    await db.execute(
        "insert into oauth_grants (account_id, id, client_id, scope, agent_email) values (%(account)s, %(id)s,"
        " %(client)s, %(scope)s, %(agent)s)",
        {
            "account": browser.account_id,
            "id": grant_id,
            "client": client_id,
            "scope": SCOPES[0] if agent else SCOPES[1],
            "agent": agent,
        },
    )
    return grant_id


async def test_programs_and_what_they_may_do(browser: Browser) -> None:
    text = seen(await browser.get(CONNECTIONS)).text
    assert "No program was let in" in text
    assert "http://test/mcp" in text
    one, other = await let_in(browser), await let_in(browser, "Everything", None)
    text = seen(await browser.get(CONNECTIONS)).text
    assert f"Read and send the mail of {AGENT}" in text
    assert "All that a key of the account may" in text
    there = f"{CONNECTIONS}/{one}/end"
    fields = await form(browser, there)
    for _ in range(2):
        answer = await browser.post(there, fields)
        assert (answer.status, answer.headers["location"]) == (303, f"{CONNECTIONS}?did=connection_ended")
    answer = await browser.get(CONNECTIONS)
    assert f"/{one}/end" not in answer.text
    assert f"/{other}/end" in answer.text
    assert "ended" in seen(answer).text
    assert (await browser.get(there)).status == 404
    assert (await browser.post(there, {"once": new_secret()})).status == 404


@pytest.fixture
async def signing(browser: Browser) -> Browser:
    """An account with its first signing secret."""
    services = browser.client.services
    await signing_secrets.ensure_default(services.db, services.keys, browser.account_id)
    return browser


async def test_signing_secrets_are_changed_with_an_overlap(signing: Browser) -> None:
    services = signing.client.services
    (first,) = await signing_secrets.listed(services.db, services.keys, signing.account_id)
    answer = await signing.get(SECRETS)
    assert answer.headers["cache-control"] == "no-store"
    assert first.secret in answer.text
    assert "signs now" in answer.text
    assert f"{first.id}/delete" not in answer.text
    fields = await form(signing, SECRETS) | {"name": "since March"}
    for _ in range(2):
        answer = await signing.post(SECRETS, fields)
        assert (answer.status, answer.headers["location"]) == (303, f"{SECRETS}?did=secret_made")
    found = await signing_secrets.listed(services.db, services.keys, signing.account_id)
    assert [one.name for one in found] == ["since March", "default"]
    text = seen(await signing.get(SECRETS)).text
    assert text.index("since March") < text.index("signs now") < text.index("default") < text.index("still checks")
    there = f"{SECRETS}/{first.id}/delete"
    fields = await form(signing, there)
    for _ in range(2):
        answer = await signing.post(there, fields)
        assert (answer.status, answer.headers["location"]) == (303, f"{SECRETS}?did=secret_deleted")
    (left,) = await signing_secrets.listed(services.db, services.keys, signing.account_id)
    assert left.name == "since March"
    there = f"{SECRETS}/{left.id}/delete"
    page = await signing.get(there)
    assert "create another one first" in page.text
    answer = await signing.post(there, await form(signing, there))
    assert answer.status == 400
    assert "last signing secret cannot be deleted" in answer.text
    kinds = await services.db.fetch_all("select action, actor_kind from audit_log where action like 'signing_secret%%'")
    assert [(one["action"], one["actor_kind"]) for one in kinds] == [
        ("signing_secret.created", "session"),
        ("signing_secret.deleted", "session"),
    ]


async def test_five_signing_secrets_are_enough(signing: Browser) -> None:
    for number in range(4):
        answer = await signing.post(SECRETS, await form(signing, SECRETS) | {"name": f"n{number}"})
        assert answer.status == 303
    for given, said in (({"name": "six"}, "at most 5"), ({"name": "x" * 300}, "at most 200"), ({"once": "x"}, "again")):
        answer = await signing.post(SECRETS, await form(signing, SECRETS) | given)
        assert answer.status == 400
        assert said in answer.text
        assert 'role="alert"' in answer.text


async def test_what_another_account_has_is_not_there(signing: Browser, stranger: Browser) -> None:
    services = signing.client.services
    _, key_id = await make(signing)
    grant_id = await let_in(signing)
    (secret,) = await signing_secrets.listed(services.db, services.keys, signing.account_id)
    await signing_secrets.create(services.db, services.keys, signing.account_id, "second")
    before = await rows(signing.client)
    for path in (
        f"{KEYS}/{key_id}/revoke",
        f"{CONNECTIONS}/{grant_id}/end",
        f"{SECRETS}/{secret.id}/delete",
        f"{KEYS}/nothing/revoke",
        f"{CONNECTIONS}/%3Cb%3E/end",
        f"{SECRETS}/{'x' * 500}/delete",
    ):
        assert (await stranger.get(path)).status == 404, path
        for once in (new_secret(), new_secret()):
            answer = await stranger.post(path, {"once": once})
            assert answer.status == 404, path
    assert (await stranger.get(f"{KEYS}?agent={AGENT}")).status == 404
    page = await stranger.get(f"{KEYS}/new?agent={AGENT}")
    assert AGENT not in page.text
    for path in (KEYS, CONNECTIONS, SECRETS):
        text = (await stranger.get(path)).text
        for theirs in (key_id, grant_id, secret.id, secret.secret, AGENT):
            assert theirs not in text, path
    assert await rows(signing.client) == before


async def test_a_form_that_fails_may_be_sent_again(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """An accident of ours frees the form: the key that it may have made is shown then, and no second one is made."""
    fields = await form(browser, f"{KEYS}/new") | {"name": "mine", "scope": "", "expires": "30"}
    count = "select count(*) from api_keys where name = 'mine'"
    original, left = Claim.finish, [2]

    async def broken(self: Claim, *given: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise RuntimeError("the process dies")
        await original(self, *given)

    monkeypatch.setattr(Claim, "finish", broken)
    answer = await browser.post(KEYS, fields)
    assert answer.status == 500
    assert await browser.client.services.db.fetch_value(count) == 1
    answer = await browser.post(KEYS, fields)
    assert answer.status == 200
    assert await browser.client.services.db.fetch_value(count) == 1
    (key,) = set(KEY.findall(answer.text))
    assert await works(browser, key) == 200
