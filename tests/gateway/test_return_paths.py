"""Which addresses are return paths, and of which message."""

import pytest

from e2ad.core.address import Mailbox, parse_mailbox
from e2ad.core.errors import Unavailable, UnknownReturnPath, answer
from e2ad.core.message import Recipient
from e2ad.gateway.return_paths import ReturnPaths, tokens_in
from tests import factories

TOKEN = "0123456789abcdef" * 2


@pytest.fixture
async def owner(database):
    made = await factories.account(database)
    await factories.agent(database, made.account_id)
    return made


@pytest.fixture
def paths(database):
    return ReturnPaths(database, ("agents.test", "Mail.Test", ""))


@pytest.mark.parametrize("domain", ["agents.test", "mail.test", "bounce.acme.test"])
@pytest.mark.parametrize("spelling", [str.lower, str.upper, str.title])
async def test_a_return_path_names_its_message(database, owner, paths, domain, spelling):
    await factories.domain(database, "acme.test", owner.account_id)
    sent = await factories.sent(database, owner.account_id)
    found = await paths.find(parse_mailbox(spelling(f"bounces+{sent.token}@{domain}")))
    assert found == Recipient(owner.account_id, "bot@agents.test", "bot@agents.test", reports_on=sent.message_id)


async def test_the_domain_that_a_mail_left_with_stays_good(database, owner, paths):
    """A domain may have lapsed since; its mail is still on its way back."""
    await factories.domain(database, "acme.test", owner.account_id, verified=False)
    sent = await factories.sent(database, owner.account_id, domain="bounce.acme.test")
    found = await paths.find(parse_mailbox(sent.return_path))
    assert found is not None
    assert found.reports_on == sent.message_id


@pytest.mark.parametrize("state", ["pending", "sent", "outcome_unknown", "bounced", "failed"])
async def test_any_state_will_do(database, owner, paths, state):
    sent = await factories.sent(database, owner.account_id, state=state)
    assert await paths.find(parse_mailbox(sent.return_path)) is not None


@pytest.mark.parametrize(
    "address",
    [
        "bounces@agents.test",
        "bounces+@agents.test",
        f"bounces+{TOKEN[:-1]}@agents.test",
        f"bounces+{TOKEN}0@agents.test",
        f"bounces+{TOKEN[:-1]}g@agents.test",
        f"bounces-{TOKEN}@agents.test",
        f"bounce+{TOKEN}@agents.test",
        f"xbounces+{TOKEN}@agents.test",
        f"bounces+{TOKEN}@elsewhere.test",
        f"bounces+{TOKEN}@sub.agents.test",
        f"bounces+{TOKEN}@",
        f"{TOKEN}@agents.test",
        "bot@agents.test",
        "bot+tag@agents.test",
    ],
)
async def test_addresses_of_another_kind_are_not_asked_for(address):
    """No database stands behind this one: a question would fail."""
    local_part, _, domain = address.rpartition("@")
    assert await ReturnPaths(None, ("agents.test",)).find(Mailbox(local_part, domain)) is None


@pytest.mark.parametrize("domain", ["agents.test", "bounce.acme.test", "bounce.nobody.test", "bounce."])
async def test_unknown_tokens_are_refused_for_good(database, owner, paths, domain):
    await factories.domain(database, "acme.test", owner.account_id)
    await factories.sent(database, owner.account_id)
    with pytest.raises(UnknownReturnPath) as raised:
        await paths.find(Mailbox(f"bounces+{TOKEN}", domain))
    reply = answer(raised.value).smtp
    assert (reply.code, reply.enhanced) == (550, "5.1.1")


@pytest.mark.parametrize("domain", ["bounce.lapsed.test", "bounce.nobody.test"])
async def test_known_tokens_at_foreign_domains_are_refused(database, owner, paths, domain):
    await factories.domain(database, "lapsed.test", owner.account_id, verified=False)
    sent = await factories.sent(database, owner.account_id)
    with pytest.raises(UnknownReturnPath):
        await paths.find(Mailbox(f"bounces+{sent.token}", domain))


async def test_a_message_that_is_gone_has_no_return_path(database, owner, paths):
    sent = await factories.sent(database, owner.account_id)
    await database.execute("delete from messages where id = %(id)s", {"id": sent.message_id})
    with pytest.raises(UnknownReturnPath):
        await paths.find(parse_mailbox(sent.return_path))


async def test_trouble_of_the_database_is_temporary(database, owner, paths):
    sent = await factories.sent(database, owner.account_id)
    database.close()
    with pytest.raises(Unavailable) as raised:
        await paths.find(parse_mailbox(sent.return_path))
    assert answer(raised.value).smtp.code == 451


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (f"<bounces+{TOKEN}@agents.test>", (TOKEN,)),
        (f"BOUNCES+{TOKEN.upper()}@AGENTS.TEST", (TOKEN,)),
        (f"rfc822; bounces+{TOKEN}@a.test; report=arf", (TOKEN,)),
        (f"bounces+{TOKEN}@a.test bounces+{TOKEN}@b.test", (TOKEN,)),
        (f"notbounces+{TOKEN}@a.test", ()),
        (f"bounces+{TOKEN}", ()),
        (f"bounces+{TOKEN}0@a.test", ()),
        ("", ()),
        (" ".join(f"bounces+{n:032x}@a.test" for n in range(20)), tuple(f"{n:032x}" for n in range(4))),
    ],
)
def test_tokens_in_copied_fields(text, tokens):
    assert tokens_in(text) == tokens
