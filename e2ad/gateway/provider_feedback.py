"""The verb of a provider's feedback: what Amazon SES says about mail that it took for us.

The notification has been verified before; here it becomes findings about one message, the same as a
report that came by mail. Which message is meant the provider's own id says, or the return path that the
mail left with, which it repeats. The id of the notification is noted in the same transaction, so that a
repeat finds it.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from attrs import evolve, field, frozen

from e2ad import maillog
from e2ad.core.outbound import RecipientStatus
from e2ad.gateway import bounce_rules, mint
from e2ad.gateway.bounce_rules import Ruling
from e2ad.gateway.feedback import Finding, record
from e2ad.gateway.return_paths import MAX_TOKENS, tokens_in
from e2ad.storage import feedback as storage
from e2ad.storage.pool import Database

__all__ = ["ProviderEvent", "read_event", "take"]

_ACCEPTED: Final = Ruling(RecipientStatus.SENT, "submission.upstream_accepted")
_REJECTED: Final = Ruling(RecipientStatus.FAILED, "submission.provider_rejected")
_BOUNCES: Final = {"permanent": "permanent", "transient": "transient"}
_ID: Final = re.compile(r"[A-Za-z0-9._+-]{1,200}")
_ADDRESS: Final = re.compile(r"<([^<>]{1,320})>")
_REGION: Final = re.compile(r"[a-z0-9-]{3,30}")
_RETURNING: Final = frozenset({"return-path", "cfbl-address", "x-original-return-path"})
MAX_HEADERS: Final = 200
MAX_RECIPIENTS: Final = 100


class _Recipient(msgspec.Struct, rename="camel"):
    email_address: str = ""
    status: str = ""
    diagnostic_code: str = ""


class _Header(msgspec.Struct):
    name: str = ""
    value: str = ""


class _Mail(msgspec.Struct, rename="camel"):
    message_id: str = ""
    source: str = ""
    source_arn: str = ""
    destination: tuple[str, ...] = ()
    headers: tuple[_Header, ...] = ()
    common_headers: Mapping[str, Any] = {}


class _Bounce(msgspec.Struct, rename="camel"):
    bounce_type: str = ""
    bounce_sub_type: str = ""
    bounced_recipients: tuple[_Recipient, ...] = ()


class _Complaint(msgspec.Struct, rename="camel"):
    complained_recipients: tuple[_Recipient, ...] = ()
    complaint_feedback_type: str | None = None


class _Delivery(msgspec.Struct, rename="camel"):
    recipients: tuple[str, ...] = ()
    smtp_response: str = ""


class _Delay(msgspec.Struct, rename="camel"):
    delay_type: str = ""
    delayed_recipients: tuple[_Recipient, ...] = ()


class _Reject(msgspec.Struct):
    reason: str = ""


class _Document(msgspec.Struct, rename="camel"):
    mail: _Mail
    event_type: str = ""
    notification_type: str = ""
    bounce: _Bounce | None = None
    complaint: _Complaint | None = None
    delivery: _Delivery | None = None
    delivery_delay: _Delay | None = None
    reject: _Reject | None = None


@frozen
class ProviderEvent:
    """What a notification says.

    Attributes:
        kind: the provider's word for it.
        provider_ids: how our records may spell the provider's id of the message (contract: provider id).
        tokens: return tokens that the provider repeats.
        findings: by address.
    """

    kind: str
    provider_ids: tuple[str, ...]
    tokens: tuple[str, ...]
    findings: tuple[Finding, ...] = field(factory=tuple)


def read_event(text: str) -> ProviderEvent | None:
    """Read what SES put into a notification; None for what is no event about a mail, such as its greeting."""
    try:
        document = msgspec.json.decode(text.encode("utf-8", "replace"), type=_Document)
    except (ValueError, RecursionError):
        return None
    kind = document.event_type or document.notification_type
    mail = document.mail
    return ProviderEvent(kind[:40], _provider_ids(mail), _tokens(mail), _findings(kind, document))


async def take(database: Database, event_id: str, event: ProviderEvent, *, outbox: bool) -> None:
    """Act upon a notification, once.

    One about a mail that is not ours has no consequence, and is not an error: a topic may serve others too.

    Args:
        event_id: the notification's id.

    Raises:
        Unavailable: the database does not answer; the provider comes again.

    Cancellation:
        All of it is recorded or nothing; a repeat is recognised.
    """
    if not event.findings:
        maillog.feedback_ignored(event_id, f"a {event.kind or 'nameless'} event says nothing about recipients")
        return
    async with database.transaction() as transaction:
        sent = await storage.correlate(transaction, event.provider_ids, event.tokens)
        if sent is None:
            maillog.feedback_ignored(event_id, "it is about no mail of ours")
            return
        if not await storage.remember(transaction, f"sns:{event_id}"):
            maillog.feedback_ignored(event_id, "it was heard before")
            return
        findings = event.findings
        if findings[0].address == "":
            # About the mail as a whole: every recipient that went this way.
            addressees = await storage.recipients(transaction, sent.account_id, sent.message_id)
            findings = tuple(evolve(findings[0], address=one.address) for one in addressees)
        await record(
            transaction,
            sent,
            findings,
            source="ses",
            evidence_id=event_id,
            outbox=outbox,
            at=mint.now(),
        )


def _findings(kind: str, document: _Document) -> tuple[Finding, ...]:
    """The table of the contract (provider feedback). What it does not name says nothing about a recipient."""
    match kind:
        case "Send":
            return _of_all(document.mail, _ACCEPTED, "")
        case "Reject":
            return _of_all(document.mail, _REJECTED, document.reject.reason if document.reject else "")
        case "Delivery" if document.delivery:
            response = document.delivery.smtp_response
            named = document.delivery.recipients or document.mail.destination
            return tuple(_finding(one, bounce_rules.DELIVERED, response) for one in _few(map(_Recipient, named)))
        case "DeliveryDelay" if document.delivery_delay:
            delayed = document.delivery_delay
            return tuple(
                _finding(one, bounce_rules.DELAYED, delayed.delay_type) for one in _few(delayed.delayed_recipients)
            )
        case "Bounce" if document.bounce:
            bounce = document.bounce
            # What SES calls permanent it refuses to send to again, so that suppressing is only to say so.
            ruling = bounce_rules.bounce(_BOUNCES.get(bounce.bounce_type.lower(), "undetermined"), suppress=True)
            return tuple(_finding(one, ruling, bounce.bounce_sub_type) for one in _few(bounce.bounced_recipients))
        case "Complaint" if document.complaint:
            complaint = document.complaint
            sort = complaint.complaint_feedback_type or "abuse"
            if not bounce_rules.complains(sort):
                return ()
            named_by = _few(complaint.complained_recipients)
            return tuple(_finding(one, bounce_rules.COMPLAINED, f"complaint ({sort[:40]})") for one in named_by)
    return ()


def _of_all(mail: _Mail, ruling: Ruling, detail: str) -> tuple[Finding, ...]:
    """About every recipient that this submission had; "" where it does not name them."""
    return tuple(_finding(one, ruling, detail) for one in _few(map(_Recipient, mail.destination)) or [_Recipient()])


def _finding(recipient: _Recipient, ruling: Ruling, otherwise: str) -> Finding:
    diagnostic = recipient.diagnostic_code
    bare = _ADDRESS.search(recipient.email_address[:1000])
    return Finding(
        bare[1] if bare else recipient.email_address.strip(),
        ruling,
        bounce_rules.smtp_code(diagnostic),
        bounce_rules.enhanced(recipient.status),
        diagnostic or otherwise,
    )


def _few(named: Iterable[_Recipient]) -> list[_Recipient]:
    """Those that have an address: one without would be about the whole mail."""
    return [one for one in named if one.email_address][:MAX_RECIPIENTS]


def _provider_ids(mail: _Mail) -> tuple[str, ...]:
    """The id bare, in brackets, and with the domain that SES writes into the Message-ID that it makes of it."""
    if _ID.fullmatch(mail.message_id) is None:
        return ()
    region = (mail.source_arn.split(":") + [""] * 4)[3]
    domains = ["email.amazonses.com"]
    if _REGION.fullmatch(region):
        domains.append(f"{region}.amazonses.com")
    qualified = [f"{mail.message_id}@{domain}" for domain in domains]
    return tuple(spelling for one in (mail.message_id, *qualified) for spelling in (one, f"<{one}>"))


def _tokens(mail: _Mail) -> tuple[str, ...]:
    copied = [mail.source]
    copied += [one.value for one in mail.headers[:MAX_HEADERS] if one.name.lower() in _RETURNING]
    copied += [
        str(value) for name, value in mail.common_headers.items() if name.lower() in ("returnpath", "return-path")
    ]
    return tuple(dict.fromkeys(token for text in copied for token in tokens_in(text)))[:MAX_TOKENS]
