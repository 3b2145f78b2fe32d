"""Rows of mails between agents are counted by whom they come from and go to, however they are sent."""

from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

from e2ad.core.outbound import Draft, MessageType
from e2ad.gateway import brake, mint
from e2ad.storage.pool import Database
from tests import factories

ANN, BOB, COL = "ann@agents.test", "bob@agents.test", "col@other.test"


@frozen
class Survey:
    """As much of one as the brake needs."""

    account_id: str
    agent_email: str
    inside: frozenset[str]


@frozen
class House:
    """Three agents of three accounts, and the mails between them."""

    database: Database
    accounts: dict[str, str]

    async def arrive(self, to: str, sender: str, hops: int, *, minutes_ago: float = 0, **columns: Any) -> str:
        """A mail of an agent in the inbox of another."""
        values: dict[str, Any] = {
            "header_from": sender,
            "entity_type": "agent",
            "hops": hops,
            "delegation": f"agent={sender};human={'0' * 32}",
            "created_at": mint.now() - timedelta(minutes=minutes_ago),
        }
        return await factories.message(self.database, self.accounts[to], to, raw=None, **(values | columns))

    async def hops(
        self,
        sender: str,
        *inside: str,
        parent_id: str | None = None,
        conversation_id: str = "",
        outside: tuple[str, ...] = (),
    ) -> int:
        draft = Draft(
            kind=MessageType.REPLY if parent_id else MessageType.SEND,
            agent_email=sender,
            to=(*inside, *outside),
            parent_id=parent_id,
            conversation_id=conversation_id,
        )
        return await brake.hops(self.database, draft, Survey(self.accounts[sender], sender, frozenset(inside)))

    async def send(self, sender: str, to: str, **more: Any) -> tuple[int, str]:
        """Count, and let it arrive."""
        hops = await self.hops(sender, to, **more)
        return hops, await self.arrive(to, sender, hops)


@pytest.fixture
async def house(database: Database) -> House:
    accounts = {}
    for email in (ANN, BOB, COL):
        owner = await factories.account(database)
        accounts[await factories.agent(database, owner.account_id, email)] = owner.account_id
    return House(database, accounts)


async def test_mail_to_people_is_none_and_costs_nothing(house: House) -> None:
    before = house.database.statements
    assert await house.hops(ANN, outside=("ada@example.org",)) == 0
    assert house.database.statements == before


async def test_a_first_mail_to_an_agent_is_the_first_in_one_statement(house: House) -> None:
    before = house.database.statements
    assert await house.hops(ANN, BOB) == 1
    assert house.database.statements == before + 1


async def test_replies_count_up(house: House) -> None:
    parent, sender, to = None, ANN, BOB
    for expected in range(1, 10):
        hops, parent = await house.send(sender, to, parent_id=parent)
        assert hops == expected
        sender, to = to, sender


async def test_fresh_mails_that_answer_each_other_count_up(house: House) -> None:
    sender, to = ANN, BOB
    for expected in range(1, 10):
        hops, _ = await house.send(sender, to)
        assert hops == expected
        sender, to = to, sender


async def test_a_burst_one_way_never_grows(house: House) -> None:
    assert {(await house.send(ANN, BOB))[0] for _ in range(20)} == {1}


async def test_a_burst_after_an_answer_grows_by_one_only(house: House) -> None:
    await house.send(ANN, BOB)
    await house.send(BOB, ANN)
    assert {(await house.send(ANN, BOB))[0] for _ in range(20)} == {3}


async def test_what_an_agent_sent_long_ago_is_not_answered_by_a_fresh_mail(house: House) -> None:
    await house.arrive(ANN, BOB, 5, minutes_ago=11)
    assert await house.hops(ANN, BOB) == 1
    await house.arrive(ANN, BOB, 3, minutes_ago=9)
    assert await house.hops(ANN, BOB) == 4


async def test_a_reply_counts_however_old_its_parent_is(house: House) -> None:
    parent = await house.arrive(ANN, BOB, 5, minutes_ago=100_000)
    assert await house.hops(ANN, BOB, parent_id=parent) == 6


async def test_a_named_conversation_counts_however_old(house: House) -> None:
    await house.arrive(ANN, BOB, 5, minutes_ago=5000, conversation_id="conv_x")
    await house.arrive(ANN, COL, 9, minutes_ago=4000, conversation_id="conv_x")
    assert await house.hops(ANN, BOB, conversation_id="conv_x") == 6
    assert await house.hops(ANN, BOB, conversation_id="conv_y") == 1


@pytest.mark.parametrize("known_by", [{}, {"delegation": ""}, {"header_from": "bob@shared.test"}])
async def test_only_the_newest_counts_so_that_a_person_can_begin_a_new_row(
    house: House, known_by: dict[str, str]
) -> None:
    await house.arrive(ANN, BOB, 6, minutes_ago=5, **known_by)
    await house.arrive(ANN, BOB, 1, minutes_ago=4, **known_by)
    assert await house.hops(ANN, BOB) == 2


async def test_the_newest_of_each_agent_counts(house: House) -> None:
    """Else a second agent's mail would hide the first's."""
    await house.arrive(ANN, BOB, 6, minutes_ago=5)
    await house.arrive(ANN, COL, 1, minutes_ago=4)
    assert await house.hops(ANN, BOB, COL) == 7
    assert await house.hops(ANN, COL) == 2


async def test_a_forward_to_a_third_agent_goes_on_with_the_row(house: House) -> None:
    parent = await house.arrive(BOB, ANN, 4)
    assert await house.hops(BOB, COL, parent_id=parent) == 5


async def test_a_reply_to_a_person_begins_at_one(house: House) -> None:
    parent = await factories.message(house.database, house.accounts[ANN], ANN, entity_type="human")
    assert await house.hops(ANN, BOB, parent_id=parent) == 1


async def test_a_person_who_claims_to_be_an_agent_does_not_count(house: House) -> None:
    await house.arrive(ANN, BOB, 6, entity_type="human", delegation="")
    assert await house.hops(ANN, BOB) == 1


async def test_the_parent_of_another_agent_or_account_does_not_count(house: House) -> None:
    parent = await house.arrive(BOB, COL, 4)
    assert await house.hops(ANN, BOB, parent_id=parent) == 1


async def test_the_parent_of_another_agent_of_the_account_does_not_count(house: House) -> None:
    two = await factories.agent(house.database, house.accounts[ANN], "two@agents.test")
    house.accounts[two] = house.accounts[ANN]
    parent = await house.arrive(two, COL, 4)
    assert await house.hops(ANN, BOB, parent_id=parent) == 1


@pytest.mark.parametrize("address", ["bob+tag@agents.test", "Bob@agents.test", "BOB+X+Y@AGENTS.TEST"])
async def test_a_plus_tag_leads_to_the_same_agent(house: House, address: str) -> None:
    await house.arrive(ANN, BOB, 6)
    assert await house.hops(ANN, address) == 7


async def test_a_catch_all_leads_to_the_same_agent(house: House) -> None:
    await house.database.execute("update agents set catch_all = true where email = %(email)s", {"email": COL})
    await house.arrive(ANN, COL, 6)
    assert await house.hops(ANN, "whoever@other.test") == 7


async def test_an_address_leads_to_the_agent_that_has_it_before_any_other(house: House) -> None:
    """Else the mail of a catch-all, or of the agent without the tag, would be counted."""
    await factories.agent(house.database, house.accounts[COL], "aaa@agents.test", catch_all=True)
    tagged = await factories.agent(house.database, house.accounts[COL], "bob+desk@agents.test")
    for sender, hops in (("aaa@agents.test", 3), (BOB, 4), (tagged, 5)):
        await house.arrive(ANN, sender, hops)
    assert await house.hops(ANN, tagged) == 6
    assert await house.hops(ANN, "bob+other@agents.test") == 5
    assert await house.hops(ANN, "nobody@agents.test") == 4


async def test_a_mail_in_the_deployments_name_counts_by_its_delegation(house: House) -> None:
    await house.arrive(ANN, BOB, 6, header_from="bob@shared.test", delegation=f"agent={BOB};human=x")
    assert await house.hops(ANN, BOB) == 7
    assert await house.hops(ANN, COL) == 1


async def test_trash_hides_nothing(house: House) -> None:
    await house.arrive(ANN, BOB, 6, deleted_at=mint.now())
    assert await house.hops(ANN, BOB) == 7


async def test_a_deleted_agent_is_none(house: House) -> None:
    await house.database.execute("update agents set deleted_at = now() where email = %(email)s", {"email": BOB})
    assert await house.hops(ANN, BOB) == 0


async def test_notes_to_oneself_are_no_row_but_answers_to_oneself_are(house: House) -> None:
    assert await house.hops(ANN, ANN) == 0
    await house.arrive(ANN, ANN, 0)
    assert await house.hops(ANN, ANN) == 0
    assert await house.hops(ANN, "ann+note@agents.test") == 0
    parent = await house.arrive(ANN, ANN, 3)
    assert await house.hops(ANN, ANN, parent_id=parent) == 4


async def test_a_mail_to_oneself_and_another_counts_for_the_other(house: House) -> None:
    await house.arrive(ANN, ANN, 6)
    assert await house.hops(ANN, ANN, BOB) == 1


async def test_the_count_has_an_end(house: House) -> None:
    parent = await house.arrive(ANN, BOB, 32_000)
    assert await house.hops(ANN, BOB, parent_id=parent) == 32_000
