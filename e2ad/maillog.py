"""What an operator greps for: one function for each fact, one event name for each function.

One line a fact, on stderr, where journald picks it up: JSON when it is not a terminal. Facts
about people are kept short: domains instead of addresses, sizes instead of subjects.
"""

import logging
import re
import sys
from typing import Any

import orjson
import structlog

__all__ = ["configure", "domain_of", "reason_of"]

_log: Any = structlog.get_logger("e2ad")

_LOCAL_PART = re.compile(r'(?:"[^"]*"|[^\s<>@,;:()\[\]"]+)@')


def configure(level: str = "info", style: str = "auto") -> None:
    """Set up logging once for the process, before anything else speaks.

    Args:
        level: debug, info, warning or error.
        style: json, text, or auto (text on a terminal).
    """
    text = style == "text" or (style == "auto" and sys.stderr.isatty())
    threshold = {"debug": 10, "info": 20, "warning": 30, "error": 40}[level]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: list[Any] = (
        # Plain: the richer traceback shows local variables, and keys and whole mails stand in those.
        [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)]
        if text
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(serializer=orjson.dumps)]
    )
    factory: Any = (
        structlog.PrintLoggerFactory(sys.stderr) if text else structlog.BytesLoggerFactory(file=sys.stderr.buffer)
    )
    structlog.configure(
        processors=shared + renderer,
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )
    # The libraries' own loggers: their warnings matter, their chatter does not.
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("dkimpy").setLevel(logging.CRITICAL)


def domain_of(address: str | None) -> str:
    """The part of an address that may stand in a log."""
    return "" if not address else address.rpartition("@")[2]


def reason_of(error: BaseException) -> str:
    """Class and text of an error; of a group, those of its members."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(reason_of(member) for member in error.exceptions)
    return f"{type(error).__name__}: {error}"


# The daemon itself


def serving(roles: list[str], **doors: str) -> None:
    """Every door is open."""
    _log.info("serving", roles=roles, **doors)


def no_relay() -> None:
    """Mail to people, and to owners who are asked for a decision, does not leave."""
    _log.info("no relay", advice="relay.host is empty: mail to people is kept and shown as captured, none of it leaves")


def stopping(signal_name: str) -> None:
    """A signal asked us to stop."""
    _log.info("stopping", signal=signal_name)


def stopped() -> None:
    """All work is put down."""
    _log.info("stopped")


def task_failed(name: str, failures: int, wait_seconds: float, error: BaseException, *, alive: bool) -> None:
    """A supervised task died and will be started again."""
    _log.error(
        "task_failed", task=name, failures=failures, wait_seconds=wait_seconds, alive=alive, reason=reason_of(error)
    )


def task_gave_up(name: str, failures: int, error: BaseException) -> None:
    """A supervised task died for good; the tree falls."""
    _log.error("task_gave_up", task=name, failures=failures, reason=reason_of(error), exc_info=error)


# Mail in


def accepted(
    session: str, message_ids: tuple[str, ...], *, sender_domain: str, size: int, spf: str, dkim: str, dmarc: str
) -> None:
    """A mail is on disk and the peer is about to hear 250."""
    _log.info(
        "mail_accepted",
        session=session,
        messages=list(message_ids),
        sender_domain=sender_domain,
        size=size,
        spf=spf,
        dkim=dkim,
        dmarc=dmarc,
    )


def refused(session: str, reason: str) -> None:
    """A mail or a recipient was refused, by name."""
    _log.info("mail_refused", session=session, reason=reason)


def intake_failed(count: int, error: BaseException) -> None:
    """A batch could not be committed; its senders were told to try again."""
    _log.error("intake_failed", messages=count, reason=reason_of(error))


def intake_poisoned(message_id: str, error: BaseException) -> None:
    """One message of a batch cannot be stored; the others were."""
    _log.error("intake_poisoned", message=message_id, reason=reason_of(error))


# Webhooks out and sockets


def webhook_delivered(delivery: str, endpoint: str, attempt: int, status: int) -> None:
    """An endpoint took a delivery."""
    _log.info("webhook_delivered", delivery=delivery, endpoint=_endpoint(endpoint), attempt=attempt, status=status)


def webhook_deferred(delivery: str, endpoint: str, attempt: int, wait_seconds: float, reason: str) -> None:
    """An attempt failed; the delivery comes again."""
    _log.info(
        "webhook_deferred",
        delivery=delivery,
        endpoint=_endpoint(endpoint),
        attempt=attempt,
        wait_seconds=round(wait_seconds, 1),
        reason=reason,
    )


def webhook_failed(delivery: str, endpoint: str, attempt: int, reason: str) -> None:
    """A delivery was given up; it stays visible and can be sent again while its event exists."""
    _log.warning("webhook_failed", delivery=delivery, endpoint=_endpoint(endpoint), attempt=attempt, reason=reason)


def webhook_disabled(account: str, webhook: str, reason: str) -> None:
    """A webhook was switched off for what its endpoint said or did."""
    _log.warning("webhook_disabled", account=account, webhook=webhook, reason=reason)


def circuit_opened(endpoint: str, reason: str) -> None:
    """An endpoint cannot be reached again and again; it is asked less often until it answers."""
    _log.warning("circuit_opened", endpoint=_endpoint(endpoint), reason=reason)


def socket_opened(account: str, agent: str, sockets: int) -> None:
    """A client listens for an agent's mail."""
    _log.info("socket_opened", account=account, agent_domain=domain_of(agent), sockets=sockets)


def socket_closed(account: str, agent: str, code: int, reason: str, sent: int) -> None:
    """A client stopped listening, or was told to go."""
    _log.info("socket_closed", account=account, agent_domain=domain_of(agent), code=code, reason=reason, sent=sent)


def swept(name: str, rows: int) -> None:
    """A sweep removed or changed rows."""
    _log.info("swept", sweep=name, rows=rows)


def screened(message: str, event: str, score: float) -> None:
    """Mail that waited for the model is settled; `event` is what tells of it."""
    _log.info("screened", message=message, told=event, score=round(score, 3))


def screening_unanswered(message: str, attempt: int, reason: str) -> None:
    """The model said nothing about a mail: it is asked again, and after the last attempt a person is."""
    _log.warning("screening_unanswered", message=message, attempt=attempt, reason=reason)


def _endpoint(key: str) -> str:
    """A webhook's id as it is; of an agent's own URL only the agent's domain."""
    return domain_of(key) if "@" in key else key


# The SMTP door


def smtp_session_opened(session: str, peer: str) -> None:
    """A peer connected and was greeted."""
    _log.debug("smtp_session_opened", session=session, peer=peer)


def smtp_session_closed(session: str, peer: str, *, mails: int, reason: str) -> None:
    """A session is over."""
    _log.info("smtp_session_closed", session=session, peer=peer, mails=mails, reason=reason)


def smtp_connection_refused(peer: str, reason: str) -> None:
    """A connection was sent away before it could say anything."""
    _log.warning("smtp_connection_refused", peer=peer, reason=reason)


def smtp_receiver_failed(session: str, question: str, error: BaseException) -> None:
    """Our own side failed to answer a question; the peer was told 451."""
    _log.error("smtp_receiver_failed", session=session, question=question, reason=reason_of(error), exc_info=error)


def smtp_session_crashed(session: str, error: BaseException) -> None:
    """A bug ended one session; the others go on."""
    _log.error("smtp_session_crashed", session=session, reason=reason_of(error), exc_info=error)


def smtp_certificate_reloaded(path: str) -> None:
    """A changed certificate is in use."""
    _log.info("smtp_certificate_reloaded", path=path)


def smtp_certificate_broken(path: str, error: BaseException) -> None:
    """A changed certificate cannot be used; the one before it stays."""
    _log.error("smtp_certificate_broken", path=path, reason=reason_of(error))


# What comes back about mail that left


def feedback_heard(message_id: str, source: str, *, statuses: list[str], unmatched: int) -> None:
    """A report about a message was recorded: what it says of the recipients it names, and how many it did not know."""
    _log.info("feedback_heard", message=message_id, source=source, statuses=statuses, unmatched=unmatched)


def feedback_ignored(session: str, reason: str) -> None:
    """A report was taken and has no consequence."""
    _log.info("feedback_ignored", session=session, reason=reason)


def feedback_refused(client: str, reason: str) -> None:
    """Something that claims to be a provider's notification was not believed."""
    _log.warning("feedback_refused", client=client, reason=reason)


# Domains


def domain_changed(account_id: str, domain: str, change: str) -> None:
    """A look at the DNS or the clock changed a domain: verified, lapsed, claim expired, sending verified, …"""
    _log.info("domain_changed", account=account_id, domain=domain, change=change)


def domain_displaced(account_id: str, domain: str, displaced: list[str], agents: int) -> None:
    """An account got a name by proof, or because claims on it had run out; agents on those went to the trash."""
    _log.warning("domain_displaced", account=account_id, domain=domain, displaced=displaced, agents=agents)


def signing_key_made(domain: str, selector: str, record: str) -> None:
    """The deployment's own domain got a key; the record is for its operator to publish."""
    _log.info("signing_key_made", domain=domain, name=f"{selector}._domainkey.{domain}", type="TXT", value=record)


def dispatch_done(message: str, attempt: int, status: str, *, wait_seconds: float | None, reason: str) -> None:
    """An attempt to carry a mail has ended and is recorded; `wait_seconds` until the next one."""
    why = _without_names(reason)
    _log.info("dispatched", message=message, attempt=attempt, status=status, wait_seconds=wait_seconds, reason=why)


def dispatch_captured(message: str, recipients: int) -> None:
    """A mail to people was kept: no relay is configured."""
    _log.info("captured", message=message, recipients=recipients)


def notice_withheld(notice: str) -> None:
    """A mail to the owner of an account was kept from an agent's inbox: whoever reads it can decide about held mail."""
    _log.warning("notice withheld", notice=notice, why="the account's address is an agent's")


def dispatch_claim_lost(message: str, attempt: int) -> None:
    """An attempt found at its last moment that it is another's, or that nobody wants it; it sent nothing."""
    _log.warning("claim lost", message=message, attempt=attempt)


def dispatch_unknown(message: str, attempt: int, domain: str, detail: str) -> None:
    """A mail may have reached a recipient or not. It is not sent again unless a person says so."""
    what = _without_names(detail)
    _log.error("outcome unknown", message=message, attempt=attempt, domain=domain, detail=what)


def _without_names(text: str) -> str:
    """What a relay said, without whom it said it about: relays like to repeat the address."""
    return _LOCAL_PART.sub("*@", text)


# Mail out, as it is accepted


def mail_accepted(
    message: str, account: str, agent: str, recipients: list[str], *, kind: str, size: int, scheduled: bool
) -> None:
    """A mail was accepted for sending: it is ours now."""
    _log.info(
        "mail_accepted_for_sending",
        message=message,
        account=account,
        agent_domain=domain_of(agent),
        domains=sorted({domain_of(recipient) for recipient in recipients}),
        recipients=len(recipients),
        kind=kind,
        bytes=size,
        scheduled=scheduled,
    )


# Programs that people let in


def program_let_in(account: str, grant: str, client: str, scope: str) -> None:
    """A person let a program act for it."""
    _log.info("program_let_in", account=account, grant=grant, client=client, scope=scope)


def program_ended(account: str, grant: str, reason: str) -> None:
    """A program may do nothing any more: its owner or itself said so, or what it had was used by two."""
    _log.info("program_ended", account=account, grant=grant, reason=reason)


# People who have something to say


def remark_received(remark: str, characters: int) -> None:
    """Somebody told the operator something; the words are in the table `feedback`, and only there."""
    _log.info("remark_received", remark=remark, characters=characters)


# Answers and accounts


def answer_broken(path: str, request_id: str, reason: str) -> None:
    """An answer broke off after its status was said: the client was cut off and knows that it has not all of it."""
    _log.warning("answer_broken", path=path, request_id=request_id, reason=reason)


def tool_failed(tool: str, error: Exception) -> None:
    """A tool of `/mcp` ran into an accident of ours; its caller was told `internal_error`."""
    _log.error("tool_failed", tool=tool, exc_info=error)


def account_exported(account: str, size: int) -> None:
    """An account was told all that is stored of it, to the end."""
    _log.info("account_exported", account=account, bytes=size)


def account_closed(account: str) -> None:
    """Its owner closed an account: nobody can use it any more; its data is being deleted."""
    _log.info("account_closed", account=account)


def account_deleted(account: str, messages: int) -> None:
    """Nothing is left of an account. `messages`: those that this run deleted."""
    _log.info("account_deleted", account=account, messages=messages)


def audit_broken(account: str, number: int, reason: str) -> None:
    """A row of the audit log is not what was written, or is gone: the first one of its account."""
    _log.error("audit_broken", account=account, number=number, reason=reason)


def signed_in(account: str, client: str, *, by: str = "key") -> None:
    """Somebody proved that an account is theirs: by a `key`, a `link` in a mail, or a provider (`oidc`)."""
    _log.info("signed_in", account=account, client=client, by=by)


def sign_in_refused(client: str) -> None:
    """Somebody showed what is no key of ours."""
    _log.warning("sign_in_refused", client=client)


def provider_refused(issuer: str, reason: str) -> None:
    """An OpenID provider could not be asked, or what it said cannot be believed."""
    _log.warning("provider_refused", issuer=issuer, reason=reason)


def key_handed_off(account: str, client: str) -> None:
    """The command line of somebody who is signed in got a key of its own."""
    _log.info("key_handed_off", account=account, client=client)
