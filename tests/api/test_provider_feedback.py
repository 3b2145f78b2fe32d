"""`POST /webhooks/ses`: a far SNS that speaks the real protocol, and what its notifications do."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from attrs import define

from e2ad.api.app import build_app
from e2ad.api.services import Services
from e2ad.config.sections import Config
from e2ad.config.sections import Feedback as FeedbackSection
from e2ad.core.sealing import KeyRing
from e2ad.core.signing import event_id
from e2ad.gateway.provider_feedback import read_event
from e2ad.storage import feedback as storage
from e2ad.storage.pool import Database
from e2ad.workers import kinds
from tests import factories
from tests.api.conftest import SECRET, Answer, Client
from tests.delivery import endpoint as far
from tests.delivery import topic
from tests.delivery.topic import TOPIC, FarSns, SigningPair, stamp
from tests.factories import Owner, Sent
from tests.gateway.test_feedback import ANN, BEN, events, everything, ledger, states, status, suppressed
from tests.zone import Zone

SES_ID = "010201890a1b2c3d-4e5f6071-8293-a4b5-c6d7-e8f901234567-000000"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> far.CertificateAuthority:
    return topic.make_authority(tmp_path_factory.mktemp("sns"))


@pytest.fixture(scope="module")
def signing() -> SigningPair:
    now = datetime.now(UTC)
    return topic.pair(begins=now - timedelta(days=1), ends=now + timedelta(days=1))


@define
class Provider:
    """SES with its topic, and the door that the topic is subscribed to."""

    sns: FarSns
    client: Client

    async def notify(self, event: Any, *, version: str = "1", **changes: Any) -> Answer:
        document = self.sns.publish(event, version=version, Timestamp=stamp(datetime.now(UTC)), **changes)
        return await self.post(document)

    async def post(self, document: Any) -> Answer:
        raw = document if isinstance(document, bytes) else json.dumps(document).encode()
        return await self.client.post(
            "/webhooks/ses", raw=raw, headers={"content-type": "text/plain; charset=UTF-8", "authorization": ""}
        )


def door(database: Database, far_sns: FarSns, *arns: str) -> Client:
    config = attrs.evolve(Config(), shared_domain="agents.test", feedback=FeedbackSection(arns))
    services = Services.build(database, config, KeyRing((SECRET,)), egress=far_sns.egress, resolver=Zone())
    return Client(build_app(services), services)


@pytest.fixture
async def provider(database: Database, authority: Any, signing: Any) -> AsyncIterator[Provider]:
    async with topic.far_sns(authority, signing) as opened:
        yield Provider(opened, door(database, opened, TOPIC))


@pytest.fixture
async def owner(database: Database) -> Owner:
    made = await factories.account(database)
    await factories.agent(database, made.account_id)
    return made


@pytest.fixture
async def sent(database: Database, owner: Owner) -> Sent:
    return await factories.sent(database, owner.account_id, (ANN, BEN), provider_message_id=f"<{SES_ID}>")


def mail(**more: Any) -> dict[str, Any]:
    """The part that every event has."""
    return {
        "timestamp": "2026-07-01T12:00:00.000Z",
        "source": "bot@agents.test",
        "sourceArn": "arn:aws:ses:eu-west-1:123456789012:identity/agents.test",
        "messageId": SES_ID,
        "destination": [ANN, BEN],
        "headersTruncated": False,
        "headers": [{"name": "From", "value": "Bot <bot@agents.test>"}],
        "commonHeaders": {"from": ["Bot <bot@agents.test>"], "to": [ANN, BEN], "subject": "Hello"},
        **more,
    }


def bounce(kind: str = "Permanent", sub: str = "General", *addresses: str, **more: Any) -> dict[str, Any]:
    recipients = [
        {"emailAddress": one, "action": "failed", "status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 unknown"}
        for one in addresses or (ANN,)
    ]
    what = {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": recipients, "feedbackId": "f-1"}
    return {"eventType": "Bounce", "bounce": what, "mail": mail(**more)}


DELIVERY = {"eventType": "Delivery", "delivery": {"recipients": [ANN], "smtpResponse": "250 ok"}, "mail": mail()}
DELAY = {
    "eventType": "DeliveryDelay",
    "deliveryDelay": {"delayType": "MailboxFull", "delayedRecipients": [{"emailAddress": ANN, "status": "4.2.2"}]},
    "mail": mail(),
}
COMPLAINT = {
    "eventType": "Complaint",
    "complaint": {"complainedRecipients": [{"emailAddress": ANN}], "complaintFeedbackType": "abuse"},
    "mail": mail(),
}
REJECT = {"eventType": "Reject", "reject": {"reason": "Bad content"}, "mail": mail()}
SEND = {"eventType": "Send", "send": {}, "mail": mail()}

HARD = ["domain.suppression_added", "email.bounced"]


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize("named_by", ["eventType", "notificationType"])
@pytest.mark.parametrize(
    ("event", "state", "told", "source"),
    [
        (DELIVERY, "delivered", ["email.delivered"], None),
        (DELAY, "deferred", [], None),
        (bounce("Permanent"), "bounced", HARD, "bounce"),
        (bounce("Transient", "MailboxFull"), "bounced", ["email.bounced"], None),
        (bounce("Undetermined", "Undetermined"), "bounced", ["email.bounced"], None),
        (COMPLAINT, "complained", ["domain.suppression_added", "email.complained"], "complaint"),
    ],
)
async def test_the_table_of_events(database, provider, sent, event, state, told, source, version, named_by) -> None:
    event = {named_by if name == "eventType" else name: value for name, value in event.items()}
    answer = await provider.notify(event, version=version)
    assert (answer.status, answer.text) == (200, "ok\n")
    assert await states(database, sent) == {ANN: state, BEN: "sent"}
    assert [kind for kind, _ in await events(database)] == told
    assert await suppressed(database) == ({ANN: source} if source else {})
    assert (await ledger(database))[0]["evidence"]["source"] == "ses"


async def test_a_rejected_mail_has_failed(database, provider, sent) -> None:
    assert (await provider.notify(REJECT)).status == 200
    assert await states(database, sent) == {ANN: "failed", BEN: "failed"}
    assert await status(database, sent) == "failed"
    assert [kind for kind, _ in await events(database)] == ["email.failed"]


@pytest.mark.parametrize("state", ["outcome_unknown", "pending"])
async def test_what_the_provider_took_was_sent(database, owner, provider, state) -> None:
    """The relay's answer was not heard; the provider's word, and the return path in it, are proof."""
    sent = await factories.sent(database, owner.account_id, (ANN, BEN), state=state)
    assert (await provider.notify({**SEND, "mail": mail(source=sent.return_path)})).status == 200
    assert await states(database, sent) == {ANN: "sent", BEN: "sent"}
    assert [kind for kind, _ in await events(database)] == ["email.sent"]


async def test_what_was_sent_is_no_news(database, provider, sent) -> None:
    before = (await everything(database))[:6]
    assert (await provider.notify(SEND)).status == 200
    assert (await everything(database))[:6] == before


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        (SES_ID, mail()),
        (f"<{SES_ID}>", mail()),
        (f"<{SES_ID}@eu-west-1.amazonses.com>", mail()),
        (f"<{SES_ID}@email.amazonses.com>", mail()),
        (f"{SES_ID}@eu-west-1.amazonses.com", mail()),
        (None, mail(source="bounces+{token}@agents.test")),
        (None, mail(source="BOUNCES+{token}@AGENTS.TEST")),
        (None, mail(headers=[{"name": "Return-Path", "value": "<bounces+{token}@agents.test>"}])),
        (None, mail(headers=[{"name": "CFBL-Address", "value": "bounces+{token}@agents.test; report=arf"}])),
        (None, mail(commonHeaders={"returnPath": "bounces+{token}@agents.test"})),
    ],
)
async def test_messages_are_found(database, owner, provider, kept, told) -> None:
    sent = await factories.sent(database, owner.account_id, provider_message_id=kept)
    other = await factories.sent(database, owner.account_id, provider_message_id="<other>")
    event = json.loads(json.dumps({**bounce(), "mail": told}).replace("{token}", sent.token))
    assert (await provider.notify(event)).status == 200
    assert await states(database, sent) == {ANN: "bounced"}
    assert await states(database, other) == {ANN: "sent"}


@pytest.mark.parametrize(
    "told",
    [
        mail(messageId="unknown"),
        mail(messageId=""),
        mail(messageId="%"),
        mail(messageId="x" * 10_000),
        mail(messageId="unknown", headers=[{"name": "Subject", "value": "bounces+{token}@agents.test"}]),
        mail(messageId="unknown", source="bounces+" + "0" * 32 + "@agents.test"),
        # Two that contradict each other.
        mail(source="bounces+{other}@agents.test"),
    ],
)
async def test_messages_that_are_not_found(database, owner, provider, sent, told) -> None:
    other = await factories.sent(database, owner.account_id)
    before = await everything(database)
    text = json.dumps({**bounce(), "mail": told}).replace("{token}", sent.token).replace("{other}", other.token)
    assert (await provider.notify(text)).status == 200
    assert await everything(database) == before


async def test_a_repeat_has_no_effect(database, provider, sent) -> None:
    for event in (bounce(), COMPLAINT):
        document = provider.sns.publish(event, Timestamp=stamp(datetime.now(UTC)))
        assert (await provider.post(document)).status == 200
        before = await everything(database)
        assert (await provider.post(document)).status == 200
        assert await everything(database) == before
    assert await database.fetch_value("select count(*) from provider_events") == 2


async def test_ids_follow_from_the_notification(database, provider, sent) -> None:
    await provider.notify(bounce(), MessageId="11111111-2222-3333-4444-555555555555")
    wanted = f"provider-feedback:11111111-2222-3333-4444-555555555555:{ANN}:delivery.permanent_bounce"
    found = await database.fetch_value("select id from events where type = 'email.bounced'")
    assert found == event_id(wanted)


async def test_addresses_as_the_provider_writes_them(database, provider, sent) -> None:
    assert (await provider.notify(bounce("Permanent", "General", "Ann <ANN@far.test>"))).status == 200
    assert await states(database, sent) == {ANN: "bounced", BEN: "sent"}
    assert (await provider.notify(bounce("Permanent", "General", "stranger@far.test"))).status == 200
    assert await states(database, sent) == {ANN: "bounced", BEN: "sent"}


@pytest.mark.parametrize(
    "message",
    [
        "Successfully validated SNS topic for Amazon SES event publishing.",
        "",
        "[]",
        "null",
        "{}",
        "[" * 100_000,
        {"eventType": "Bounce"},
        {"eventType": "Open", "mail": mail(), "open": {}},
        {"eventType": "Click", "mail": mail()},
        {"eventType": "Rendering Failure", "mail": mail()},
        {"eventType": "Bounce", "mail": mail()},
        {"eventType": "Bounce", "mail": mail(), "bounce": {"bouncedRecipients": []}},
        {"eventType": "Bounce", "mail": mail(), "bounce": {"bouncedRecipients": "ann@far.test"}},
        {"eventType": "Complaint", "mail": mail(), "complaint": {"complainedRecipients": [{}]} | {"x": 1}},
        {**COMPLAINT, "complaint": {**COMPLAINT["complaint"], "complaintFeedbackType": "not-spam"}},
        {"eventType": "Delivery", "mail": "mail", "delivery": {}},
    ],
)
async def test_what_says_nothing_is_taken_and_forgotten(database, provider, sent, message) -> None:
    before = (await everything(database))[:3]
    assert (await provider.notify(message)).status == 200
    assert (await everything(database))[:3] == before


# Whom it believes


async def test_without_topics_everything_is_refused(database, authority, signing, sent) -> None:
    async with topic.far_sns(authority, signing) as opened:
        for arns in ((), (TOPIC + "2",)):
            answer = await Provider(opened, door(database, opened, *arns)).notify(bounce())
            assert (answer.status, answer.text) == (403, "no such topic is configured here\n")
        assert opened.endpoint.connections == 0
    assert await states(database, sent) == {ANN: "sent", BEN: "sent"}


async def test_forgeries_change_nothing(database, provider, sent) -> None:
    now = stamp(datetime.now(UTC))
    good = provider.sns.publish(bounce(), Timestamp=now)
    before = await everything(database)
    for change, status_code in (
        ({"Message": json.dumps(COMPLAINT)}, 403),
        ({"MessageId": "another"}, 403),
        ({"Timestamp": stamp(datetime.now(UTC) - timedelta(hours=2))}, 403),
        ({"SigningCertURL": "https://evil.test/x.pem"}, 403),
        ({"Signature": "AAAA"}, 403),
        ({"Signature": "%"}, 400),
        ({"Type": "Other"}, 400),
    ):
        assert (await provider.post(good | change)).status == status_code, change
    assert await everything(database) == before
    assert (await provider.post(good)).status == 200


@pytest.mark.parametrize("raw", [b"", b"{}", b"x", b"\xff\xfe"])
async def test_bodies_that_are_none(provider, raw) -> None:
    assert (await provider.post(raw)).status == 400


async def test_bodies_that_are_too_large(provider, sent) -> None:
    assert (await provider.post(b"{" + b" " * 262_144)).status == 413
    assert (await provider.notify(bounce(headers=[{"name": "X", "value": "x" * 200_000}]))).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_other_methods(provider, method) -> None:
    assert (await provider.client.request(method, "/webhooks/ses")).status in (404, 405)


async def test_a_certificate_that_is_away_makes_it_come_again(database, provider, sent) -> None:
    pem = provider.sns.documents.pop("/SimpleNotificationService-0123456789abcdef.pem")
    document = provider.sns.publish(bounce(), Timestamp=stamp(datetime.now(UTC)))
    answer = await provider.post(document)
    assert answer.status == 503
    assert "retry-after" in answer.headers
    provider.sns.documents["/SimpleNotificationService-0123456789abcdef.pem"] = pem
    assert (await provider.post(document)).status == 200
    assert await states(database, sent) == {ANN: "bounced", BEN: "sent"}


async def test_a_database_that_is_away_makes_it_come_again(database, provider, sent) -> None:
    document = provider.sns.publish(bounce(), Timestamp=stamp(datetime.now(UTC)))
    database.close()
    assert (await provider.post(document)).status == 503


# Subscriptions


async def test_a_subscription_is_confirmed(provider) -> None:
    asked = provider.sns.ask(Timestamp=stamp(datetime.now(UTC)))
    assert (await provider.post(asked)).status == 200
    assert provider.sns.paths[-1] == asked["SubscribeURL"].removeprefix(f"https://{topic.HOST}")


@pytest.mark.parametrize("answer", [far.Answer(403), far.Answer(302), far.Answer(reset=True)])
async def test_a_confirmation_that_fails_is_tried_again(provider, answer) -> None:
    provider.sns.documents["/"] = answer
    asked = provider.sns.ask(Timestamp=stamp(datetime.now(UTC)))
    assert (await provider.post(asked)).status == 503
    provider.sns.documents["/"] = far.Answer()
    assert (await provider.post(asked)).status == 200


async def test_links_to_elsewhere_are_not_followed(provider) -> None:
    """Even signed ones."""
    asked = provider.sns.ask(Timestamp=stamp(datetime.now(UTC)), SubscribeURL="https://hooks.example/in")
    assert (await provider.post(asked)).status == 403
    assert len(provider.sns.paths) == 1


async def test_the_end_of_a_subscription_is_not_undone(provider) -> None:
    ended = provider.sns.ask("UnsubscribeConfirmation", Timestamp=stamp(datetime.now(UTC)))
    assert (await provider.post(ended)).status == 200
    assert len(provider.sns.paths) == 1


# What is kept


async def test_events_are_forgotten_after_their_retention(database) -> None:
    await database.execute(
        "insert into provider_events (id, created_at) select n::text, now() - make_interval(days => n)"
        " from generate_series(1, 60) as n"
    )
    sweep = next(sweep for sweep in kinds.table(Config()) if sweep.name == "provider_events")
    assert await sweep.batch(database, 20) == 20
    assert await sweep.batch(database, 20) in (10, 11)
    assert await sweep.batch(database, 20) == 0
    assert await database.fetch_value("select count(*) from provider_events") in (29, 30)
    assert not await storage.remember(database, "7")
    assert await storage.remember(database, "60")


def test_ids_are_bounded() -> None:
    event = read_event(json.dumps(bounce(sourceArn="a:b:c:EVIL REGION:x")))
    assert event is not None
    assert all("EVIL" not in one for one in event.provider_ids)
    assert read_event("\ud800") is None
