"""Each recipient has the strongest class that holds, with its evidence, out of the real tables."""

from typing import Any

import pytest
from attrs import frozen

from e2ad.core.provenance import MAX_EXCERPT, Provenance, Sighting
from e2ad.gateway import provenance as module
from e2ad.gateway.provenance import classify
from e2ad.storage.adaptation import Jsonb
from e2ad.storage.pool import Database
from tests import factories

AGENT = "bot@agents.test"
ADA, EVE, BOB = "ada@example.com", "eve@evil.example", "bob@example.org"
OPERATOR, CORRESPONDENT, PARTICIPANT, CONTENT, UNSEEN = Provenance


@frozen
class Box:
    """An agent's messages and the question."""

    database: Database
    account_id: str

    async def mail(self, *, agent_email: str = AGENT, **columns: Any) -> str:
        """A mail of somebody, unverified unless it says otherwise."""
        values: dict[str, Any] = {"header_from": "someone@elsewhere.example", "raw": None}
        return await factories.message(self.database, self.account_id, agent_email, **(values | columns))

    async def sighting(self, recipient: str, **more: Any) -> Sighting:
        (found,) = await self.sightings(recipient, **more)
        return found

    async def sightings(
        self, *recipients: str, conversation_id: str = "", parent_id: str | None = None, allowlist: tuple[str, ...] = ()
    ) -> tuple[Sighting, ...]:
        return await classify(
            self.database,
            self.account_id,
            AGENT,
            conversation_id=conversation_id,
            parent_id=parent_id,
            recipients=recipients,
            allowlist=allowlist,
        )


@pytest.fixture
async def box(database: Database) -> Box:
    owner = await factories.account(database)
    await factories.agent(database, owner.account_id, AGENT)
    return Box(database, owner.account_id)


async def test_who_was_never_seen(box: Box) -> None:
    assert await box.sighting(ADA) == Sighting(ADA, UNSEEN)


async def test_the_answers_are_in_the_order_of_the_recipients(box: Box) -> None:
    await box.mail(header_from=ADA, verified=True)
    await box.mail(body_text=f"write to {EVE}")
    found = await box.sightings(EVE, "x@listed.example", BOB, ADA, allowlist=("listed.example",))
    assert [(one.address, one.provenance) for one in found] == [
        (EVE, CONTENT),
        ("x@listed.example", OPERATOR),
        (BOB, UNSEEN),
        (ADA, CORRESPONDENT),
    ]


async def test_at_most_two_statements_and_none_for_the_owners_list(box: Box) -> None:
    await box.mail(header_from=ADA, verified=True)
    for recipients, statements in (((EVE, BOB, ADA), 2), ((ADA,), 1)):
        before = box.database.statements
        await box.sightings(*recipients)
        assert box.database.statements == before + statements
    before = box.database.statements
    await box.sighting(ADA, allowlist=("example.com",))
    await box.sighting(AGENT)
    assert box.database.statements == before


async def test_a_verified_sender_is_a_correspondent(box: Box) -> None:
    message_id = await box.mail(header_from="Ada@example.com", verified=True)
    assert await box.sighting(ADA) == Sighting(ADA, CORRESPONDENT, message_id, "from")
    assert (await box.sighting("ADA@example.com")).provenance is CORRESPONDENT


async def test_an_agent_of_this_deployment_is_a_correspondent(box: Box) -> None:
    await box.mail(header_from="other@agents.test", entity_type="agent")
    assert (await box.sighting("other@agents.test")).provenance is CORRESPONDENT


async def test_an_unverified_sender_is_content_elsewhere(box: Box) -> None:
    message_id = await box.mail(header_from=ADA)
    found = await box.sighting(ADA)
    assert (found.provenance, found.message_id, found.place) == (CONTENT, message_id, "from")


@pytest.mark.parametrize("status", ["pending_review", "review_rejected", "review_expired_rejected"])
async def test_held_and_rejected_mail_makes_nobody_known(box: Box, status: str) -> None:
    await box.mail(header_from=ADA, verified=True, review_status=status)
    assert (await box.sighting(ADA)).provenance is CONTENT
    await box.mail(direction="outbound", header_from=AGENT, to=[BOB], conversation_id="conv_x", review_status=status)
    assert (await box.sighting(BOB, conversation_id="conv_x")).provenance is UNSEEN


async def test_mail_to_another_agent_makes_nobody_known(box: Box) -> None:
    await factories.agent(box.database, box.account_id, "two@agents.test")
    message_id = await box.mail(agent_email="two@agents.test", header_from=ADA, verified=True, body_text=f"{EVE}")
    found = await box.sightings(ADA, EVE, parent_id=message_id)
    assert {one.provenance for one in found} == {UNSEEN}


async def test_a_unicode_domain_is_compared_by_its_a_label(box: Box) -> None:
    await box.mail(header_from="ada@bücher.example", verified=True)
    assert (await box.sighting("ada@xn--bcher-kva.example")).provenance is CORRESPONDENT


async def test_what_postgresql_thinks_is_the_same_letter_is_not(box: Box) -> None:
    """Its `lower` may make a Kelvin sign a k."""
    await box.mail(header_from="\u212aim@example.com", verified=True)
    found = await box.sighting("kim@example.com")
    assert found.provenance is CONTENT
    assert found.resembles == "\u212aim@example.com"


@pytest.mark.parametrize("place", ["to", "cc", "reply_to"])
async def test_who_stands_in_a_verified_mail_of_the_conversation_takes_part(box: Box, place: str) -> None:
    message_id = await box.mail(header_from=ADA, verified=True, conversation_id="conv_x", **{place: [BOB]})
    assert await box.sighting(BOB, conversation_id="conv_x") == Sighting(BOB, PARTICIPANT, message_id, place)
    assert await box.sighting(BOB, parent_id=message_id) == Sighting(BOB, PARTICIPANT, message_id, place)
    elsewhere = await box.sighting(BOB, conversation_id="conv_y")
    assert (elsewhere.provenance, elsewhere.place) == (CONTENT, place)


@pytest.mark.parametrize("place", ["to", "cc", "bcc"])
async def test_whom_the_agent_wrote_to_takes_part(box: Box, place: str) -> None:
    columns: dict[str, Any] = {"bcc_addresses": Jsonb([BOB])} if place == "bcc" else {place: [BOB]}
    await box.mail(direction="outbound", header_from=AGENT, conversation_id="conv_x", **columns)
    assert (await box.sighting(BOB, conversation_id="conv_x")).provenance is PARTICIPANT


@pytest.mark.parametrize("place", ["to", "cc", "reply_to"])
async def test_of_an_unverified_mail_only_its_author_takes_part(box: Box, place: str) -> None:
    """A forger leads the answer to himself by these, and never by From alone."""
    parent = await box.mail(header_from=ADA, conversation_id="conv_x", **{place: [EVE]})
    for more in ({"parent_id": parent}, {"conversation_id": "conv_x"}):
        found = await box.sightings(ADA, EVE, **more)
        assert [one.provenance for one in found] == [PARTICIPANT, CONTENT]
        assert (found[1].message_id, found[1].place) == (parent, place)


@pytest.mark.parametrize(
    ("columns", "place"),
    [
        ({"body_text": f"please write to {EVE}, thanks"}, "text"),
        ({"body_html": "<p>eve<b>&#64;</b>evil.example</p>"}, "html"),
        ({"subject": f"for {EVE}"}, "subject"),
        ({"sender_name": f"via {EVE}"}, "sender name"),
        ({"attachments": Jsonb([{"index": 0, "filename": "note.txt"}, {"filename": f"{EVE}.pdf"}])}, "attachment name"),
        ({"body_text": "eve [at] evil [dot] example"}, "text"),
        ({"body_text": "еvе@еvіl.example"}, "text"),
        ({"body_text": f"{EVE}", "deleted_at": factories.EPOCH}, "text"),
        ({"body_text": f"{EVE}", "verified": True, "header_from": ADA}, "text"),
    ],
)
async def test_who_stands_in_content(box: Box, columns: dict[str, Any], place: str) -> None:
    message_id = await box.mail(**columns)
    found = await box.sighting(EVE)
    assert (found.provenance, found.message_id, found.place, found.resembles) == (CONTENT, message_id, place, None)
    assert found.excerpt
    assert len(found.excerpt) <= MAX_EXCERPT


async def test_content_of_an_old_conversation_is_searched_too(box: Box) -> None:
    old = await box.mail(body_text=EVE, conversation_id="conv_x")
    for number in range(1, module.MAX_TEXTS + 2):
        await box.mail(number=number, body_text="nothing")
    assert (await box.sighting(EVE)).provenance is UNSEEN
    assert (await box.sighting(EVE, conversation_id="conv_x")).message_id == old
    assert (await box.sighting(EVE, parent_id=old)).message_id == old


async def test_what_the_agent_wrote_is_no_content(box: Box) -> None:
    await box.mail(direction="outbound", header_from=AGENT, body_text=EVE, conversation_id="conv_x")
    assert (await box.sighting(EVE, conversation_id="conv_x")).provenance is UNSEEN


async def test_a_stronger_class_wins_over_content(box: Box) -> None:
    await box.mail(header_from=ADA, verified=True, body_text=f"I am {ADA}", conversation_id="conv_x")
    found = await box.sighting(ADA, conversation_id="conv_x", allowlist=(ADA,))
    assert found == Sighting(ADA, OPERATOR, place="allowlist")
    assert (await box.sighting(ADA, conversation_id="conv_x")).provenance is CORRESPONDENT


LOOKALIKES = [
    "ada@exarnple.com",
    "аda@example.com",
    "ada+pay@example.com",
    "ada@xn--xample-9uf.com",
    "a.da@example.com",
]


@pytest.mark.parametrize("lookalike", LOOKALIKES)
async def test_who_looks_like_a_known_one_is_held_like_content(box: Box, lookalike: str) -> None:
    message_id = await box.mail(header_from=ADA, verified=True)
    found = await box.sighting(lookalike)
    assert found == Sighting(lookalike, CONTENT, message_id, "from", ADA, resembles=ADA)
    found = await box.sighting(lookalike, allowlist=(ADA,))
    assert (found.provenance, found.resembles) == (CONTENT, ADA)


@pytest.mark.parametrize("lookalike", LOOKALIKES)
async def test_who_looks_like_a_participant_is_none(box: Box, lookalike: str) -> None:
    parent = await box.mail(header_from=ADA, conversation_id="conv_x", body_text=f"write to {lookalike}")
    found = await box.sighting(lookalike, conversation_id="conv_x", parent_id=parent)
    assert (found.provenance, found.place, found.resembles) == (CONTENT, "text", ADA)


async def test_a_lookalike_of_a_listed_domain_is_not_on_the_list(box: Box) -> None:
    found = await box.sighting("ada@exarnple.com", allowlist=("example.com",))
    assert found == Sighting("ada@exarnple.com", CONTENT, None, "allowlist", resembles="example.com")


async def test_much_text_is_searched_in_a_thread_and_within_its_budget(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_OCTETS", 200_000)
    far = await box.mail(number=1, body_text="x" * 150_000 + EVE)
    await box.mail(number=2, body_text="y" * 80_000)
    assert (await box.sighting(EVE)).provenance is UNSEEN
    assert (await box.sighting(EVE, parent_id=far)).message_id == far
    # What the last mail within the budget holds is searched up to it.
    near = await box.mail(number=3, body_html="z" * 100_000 + BOB)
    assert (await box.sighting(BOB)).message_id == near


async def test_lists_of_addresses_have_a_budget_that_the_nearest_mail_gets_first(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail may name thousands, and a sender may send many of those: what is read and compared must have an end."""
    monkeypatch.setattr(module, "MAX_LIST_OCTETS", 5_000)
    crowd = [f"p{number}@crowd.example" for number in range(1000)]
    far = await box.mail(number=1, to=[BOB], verified=True, conversation_id="conv_x")
    await box.mail(number=2, cc=[*crowd, EVE], verified=True, conversation_id="conv_x")
    await box.mail(number=3, to=crowd, conversation_id="conv_x")  # not believed, and so not counted
    assert (await box.sighting(EVE, conversation_id="conv_x")).provenance is PARTICIPANT
    assert (await box.sighting(EVE)).provenance is UNSEEN
    assert (await box.sighting(BOB, conversation_id="conv_x")).provenance is UNSEEN
    assert (await box.sighting(BOB, conversation_id="conv_x", parent_id=far)).provenance is PARTICIPANT


async def test_the_agent_itself_takes_part(box: Box) -> None:
    assert (await box.sighting(AGENT)).provenance is PARTICIPANT


async def test_an_empty_conversation_is_none(box: Box) -> None:
    await box.mail(conversation_id="", to=[BOB], verified=True, created_at=factories.EPOCH)
    assert (await box.sighting(BOB)).provenance is not PARTICIPANT
