"""`e2ad dev send`: mail from the offline world's peers, honest and otherwise.

Each peer signs and sends the way its kind does in the real world, over real SMTP; only the
names are ours. What they write is judged by the same code as everybody's mail.
"""

import smtplib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import trio
from attrs import asdict, frozen

from e2ad.dev import world
from e2ad.dev.folder import RUNNING, read_document
from e2ad.dev.world import BANK, LISTS, OLD_SELECTOR, PLAIN, SELECTOR, SIGNING, Keys
from e2ad.gateway.mint import new_id
from e2ad.mailauth.signer import load_private_key, sign
from e2ad.sdk import E2AClient, E2AError

__all__ = ["PEERS", "NotSent", "Peer", "Sent", "send"]

SMTP_SECONDS: Final = 30.0
FIRST_AGENT: Final = "first"


class NotSent(Exception):
    """There is nobody to write to, nothing runs here, or the server refused."""


@frozen
class Sent:
    """One mail that the server took."""

    peer: str
    mail_from: str
    to: str
    subject: str
    reply: str

    def to_json(self) -> dict[str, Any]:
        """As one JSON object."""
        return asdict(self)


@frozen
class Letter:
    """A mail before it is sent: envelope sender and content."""

    mail_from: str
    content: bytes


@frozen
class Peer:
    """One way to write. `write` makes the letter from keys, recipient, subject and text."""

    story: str
    expect: str
    write: Callable[[Keys, str, str | None, str | None], Letter]


def _mail(sender: str, to: str, subject: str, text: str) -> bytes:
    domain = sender.rstrip(">").rpartition("@")[2]
    lines = [
        f"From: {sender}",
        f"To: {to}",
        f"Subject: {subject}",
        f"Date: {format_datetime(datetime.now(UTC))}",
        f"Message-ID: <{new_id('')}@{domain}>",
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        *text.splitlines(),
        "",
    ]
    return "\r\n".join(lines).encode()


def _signed(content: bytes, domain: str, selector: str, key: bytes) -> bytes:
    return sign(content, domain=domain, selector=selector, private_key=load_private_key(key)) + content


def _aligned(keys: Keys, to: str, subject: str | None, text: str | None) -> Letter:
    content = _mail(
        f"Ada Byron <ada@{SIGNING}>",
        to,
        subject or "The first mail",
        text or "Hello!\n\nThis mail is signed by my domain, and my domain says who may send for it.\n\nAda",
    )
    content = _signed(content, SIGNING, SELECTOR, keys.rsa)
    return Letter(f"ada@{SIGNING}", _signed(content, SIGNING, f"{SELECTOR}-ed", keys.ed25519))


def _forged(keys: Keys, to: str, subject: str | None, text: str | None) -> Letter:
    content = _mail(
        f"Harbor Bank <service@{BANK}>",
        to,
        subject or "Your account needs you",
        text or "Dear customer,\n\nplease confirm your password today.\n\nHarbor Bank",
    )
    # A stranger vouches with a perfectly good signature: its own, for a From that it does not own.
    return Letter(f"bulk@{LISTS}", _signed(content, LISTS, SELECTOR, keys.rsa))


def _unsigned(_: Keys, to: str, subject: str | None, text: str | None) -> Letter:
    content = _mail(
        f"Otto <otto@{PLAIN}>",
        to,
        subject or "No signature here",
        text or "My domain publishes nothing at all.\n\nOtto",
    )
    return Letter(f"otto@{PLAIN}", content)


def _expired_key(keys: Keys, to: str, subject: str | None, text: str | None) -> Letter:
    content = _mail(
        f"Harbor Bank <letters@{BANK}>",
        to,
        subject or "Signed with a key of the past",
        text or "This mail is signed, but the key was revoked.",
    )
    return Letter(f"letters@{BANK}", _signed(content, BANK, OLD_SELECTOR, keys.rsa))


def _forwarded(keys: Keys, to: str, subject: str | None, text: str | None) -> Letter:
    letter = _aligned(keys, to, subject or "By way of a list", text)
    trace = f"Received: from mail.{SIGNING} by {LISTS}; {format_datetime(datetime.now(UTC))}\r\n"
    return Letter(f"owner@{LISTS}", trace.encode() + letter.content)


def _altered(keys: Keys, to: str, subject: str | None, text: str | None) -> Letter:
    letter = _forwarded(keys, to, subject or "Changed on the way", text)
    return Letter(letter.mail_from, letter.content + b"-- \r\nThe list adds a line, and the signature breaks.\r\n")


PEERS: Final = MappingProxyType(
    {
        "aligned": Peer(
            f"{SIGNING} signs its mail and lists its servers.", "verified, DMARC pass by SPF and DKIM", _aligned
        ),
        "forged": Peer(
            f"A stranger writes in the name of {BANK}.",
            "not verified, DMARC fail: the passes are the stranger's own",
            _forged,
        ),
        "unsigned": Peer(f"{PLAIN} publishes no SPF, DKIM or DMARC.", "not verified, nothing to go by", _unsigned),
        "expired-key": Peer(
            f"{BANK} signs with a key that it has revoked.",
            "not verified, DMARC fail: no valid signature",
            _expired_key,
        ),
        "forwarded": Peer(
            f"A list passes on mail of {SIGNING}, unchanged.", "verified by DKIM alone; SPF is the list's", _forwarded
        ),
        "altered": Peer(
            f"A list passes on mail of {SIGNING} and adds a footer.",
            "not verified, DMARC fail: the body changed",
            _altered,
        ),
    }
)
"""Who can write, by the word after `--as`."""


async def send(folder: Path, peer: str, to: str | None, *, subject: str | None = None, text: str | None = None) -> Sent:
    """Write one mail to a running `e2ad dev`.

    Args:
        folder: the dev folder, for the world's keys and the server's address.
        peer: a key of `PEERS`.
        to: an address, a slug, or None for the only agent; the first agent is made if there is none.

    Raises:
        NotSent: with a sentence that says what to do.
    """
    running = read_document(folder / RUNNING)
    if not running:
        raise NotSent(f"nothing runs in {folder}: start `e2ad dev` there first, or give its --dir")
    work = partial(_send, folder, running, peer, to, subject, text)
    return await trio.to_thread.run_sync(work, abandon_on_cancel=True)


def _send(
    folder: Path, running: dict[str, Any], peer: str, to: str | None, subject: str | None, text: str | None
) -> Sent:
    recipient = _recipient(running, to)
    letter = PEERS[peer].write(world.load_keys(folder / "world"), recipient, subject, text)
    host, _, port = running["smtp"].rpartition(":")
    shown = letter.content.partition(b"Subject: ")[2].partition(b"\r\n")[0].decode()
    try:
        with smtplib.SMTP(
            host.strip("[]"), int(port), local_hostname=letter.mail_from.rpartition("@")[2], timeout=SMTP_SECONDS
        ) as smtp:
            smtp.ehlo_or_helo_if_needed()
            smtp.mail(letter.mail_from, ["BODY=8BITMIME"])
            code, answer = smtp.rcpt(recipient)
            if code < 300:
                code, answer = smtp.data(letter.content)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(f"{running['smtp']} does not take mail: {error}; is `e2ad dev` still running?") from error
    if code >= 300:
        raise NotSent(f"the server said {code} {answer.decode(errors='replace')} for {recipient}")
    return Sent(peer, letter.mail_from, recipient, shown, f"{code} {answer.decode(errors='replace')}")


def _recipient(running: dict[str, Any], to: str | None) -> str:
    if to is not None:
        return to if "@" in to else f"{to}@{running['shared_domain']}"
    try:
        with E2AClient(running["api_key"], base_url=running["api_url"], max_retries=0) as client:
            agents = [agent.email for agent in client.agents.list()]
            if not agents:
                agents = [client.agents.create({"slug": FIRST_AGENT}).email]
    except E2AError as error:
        raise NotSent(f"{error}; is `e2ad dev` still running?") from error
    if len(agents) > 1:
        raise NotSent(f"to whom? add --to with one of: {', '.join(agents[:10])}")
    return agents[0]
