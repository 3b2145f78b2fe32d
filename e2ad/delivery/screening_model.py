"""A second opinion about a mail: the port to a model that judges what heuristics cannot, and its HTTP adapter.

What goes out, as one JSON object in a POST with `Authorization: Bearer …` where a token is set:

    {"version": 1, "model": "…", "direction": "inbound", "subject": "…", "sender": "Ada <ada@example.com>",
     "text": "…", "truncated": false, "signals": [{"name": "hidden_text", "score": 0.3}]}

What must come back, with status 200 and within the deadline, in at most 64 KiB:

    {"score": 0.12, "categories": [{"name": "phishing", "score": 0.12}], "summary": "asks for a password"}

`score` is from 0 (harmless) to 1; `categories` and `summary` may be left out. Small gateways in front of any model
can speak this. The mail is somebody's private text: whoever runs the endpoint reads it. And it is a stranger's text:
the endpoint must tell its model that what stands in `text` is data.

The endpoint is reached through the same guard as everything else that leaves: one on a private network needs
`egress.allow_networks`. Its answer is read strictly, since half an answer is no opinion.
"""

import json
from collections.abc import Sequence
from typing import Annotated, Final, Protocol

import h11
import msgspec
import trio
from attrs import field, frozen

from e2ad.core.breaker import Breaker
from e2ad.core.legible import legible, shortened
from e2ad.core.screening import Material, Signal
from e2ad.delivery.egress import Origin, Target, Unreachable, parse_url

__all__ = ["HttpScreeningModel", "ModelSettings", "ModelUnavailable", "ModelVerdict", "ScreeningModel"]

MOST_OCTETS: Final = 65_536
MOST_CATEGORIES: Final = 32
MOST_SUMMARY: Final = 500
_HEAD_BYTES: Final = 32_768
_READ_BYTES: Final = 16_384
_SUBJECT: Final = 2000
_LEFT_OUT: Final = "\n[…]\n"

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class ModelUnavailable(Exception):
    """No opinion is to be had now; the text says why. Whoever asked decides without it, or asks again later."""


@frozen
class ModelVerdict:
    """What the model says: how bad it is from 0 to 1, of what kind, and why, in a sentence fit for the eye."""

    score: float
    categories: tuple[tuple[str, float], ...] = ()
    summary: str = ""


class ScreeningModel(Protocol):
    """Whoever can be asked about a mail."""

    async def judge(self, material: Material, signals: Sequence[Signal] = ()) -> ModelVerdict:
        """An opinion, or `ModelUnavailable`."""


class ModelSettings(Protocol):
    """The `[screening]` section of the configuration."""

    @property
    def model_url(self) -> str:
        """Where to ask."""

    @property
    def model_token(self) -> str:
        """Sent as a bearer token; empty for none."""

    @property
    def model_name(self) -> str:
        """Passed on, for endpoints that have several."""

    @property
    def deadline_seconds(self) -> float:
        """For one question, from the look-up of the name to the last octet."""

    @property
    def max_characters(self) -> int:
        """Of the text so many are sent."""

    @property
    def concurrency(self) -> int:
        """Questions at a time."""

    @property
    def breaker_failures(self) -> int:
        """Failures in a row after which fewer questions are asked."""

    @property
    def breaker_open_seconds(self) -> float:
        """How long none is asked then; doubled at each failed try."""

    @property
    def breaker_longest_seconds(self) -> float:
        """The longest of these waits."""


class Connector(Protocol):
    """Opens guarded connections: `delivery.egress.Egress`."""

    async def connect(self, origin: Origin) -> trio.abc.Stream:
        """A connection, TLS included, or `Unreachable`."""


@frozen
class _Category:
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    score: Share


@frozen
class _Answer:
    score: Share
    categories: Annotated[tuple[_Category, ...], msgspec.Meta(max_length=MOST_CATEGORIES)] = ()
    summary: str = field(default="")


class HttpScreeningModel:
    """Asks an endpoint, one request for one mail, each on a connection of its own.

    After `breaker_failures` failures in a row the endpoint is left alone for a while, and then tried with one
    question at a time: a model that is down costs nobody a deadline.

    Args:
        settings: where to ask, and how patiently.
        connector: opens connections, guarded.

    Raises:
        InvalidWebhookUrl: the URL is none.
        ValueError: the token cannot stand in a header.
    """

    def __init__(self, settings: ModelSettings, connector: Connector) -> None:
        if not (settings.model_token.isascii() and settings.model_token.isprintable()):
            raise ValueError("screening.model_token holds characters that no header can carry")
        self._settings = settings
        self._connector = connector
        self._target = parse_url(settings.model_url)
        self._running = 0
        self._breaker = Breaker(
            threshold=settings.breaker_failures,
            open_seconds=settings.breaker_open_seconds,
            longest_seconds=settings.breaker_longest_seconds,
        )

    @property
    def is_open(self) -> bool:
        """Whether the endpoint is left alone, or tried with one question at a time."""
        return self._breaker.is_open

    async def judge(self, material: Material, signals: Sequence[Signal] = ()) -> ModelVerdict:
        """Ask about one mail. What the heuristics found goes along.

        Raises:
            ModelUnavailable: no connection, too slow, another status than 200, or an answer that is not as agreed;
                or nobody was asked, because the endpoint failed before or has enough to do.

        Cancellation:
            The connection is closed; it counts neither as failure nor as success.
        """
        if self._breaker.room(trio.current_time(), self._running, self._settings.concurrency) < 1:
            raise ModelUnavailable("it failed before and is left alone" if self.is_open else "it has enough to do")
        question = self._question(material, signals)
        self._running += 1
        try:
            verdict = _read(await self._ask(question))
        except ModelUnavailable:
            self._breaker.failed(trio.current_time())
            raise
        finally:
            self._running -= 1
        self._breaker.succeeded()
        return verdict

    def _question(self, material: Material, signals: Sequence[Signal]) -> bytes:
        text = _cut(material.text, self._settings.max_characters)
        sender = f"{material.sender_name} <{material.header_from or ''}>".strip()
        document = {
            "version": 1,
            "model": self._settings.model_name,
            "direction": material.direction,
            "subject": material.subject[:_SUBJECT],
            "sender": sender[:_SUBJECT],
            "text": text,
            "truncated": material.truncated or len(text) < len(material.text),
            "signals": [{"name": signal.name, "score": round(signal.score, 3)} for signal in signals],
        }
        # ASCII: a lone surrogate has no UTF-8, and mail can hold anything.
        return json.dumps(document).encode("ascii")

    async def _ask(self, question: bytes) -> bytes:
        seconds = self._settings.deadline_seconds
        with trio.move_on_after(seconds):
            try:
                stream = await self._connector.connect(self._target.origin)
            except Unreachable as error:
                raise ModelUnavailable(str(error)) from error
            try:
                return await _exchange(stream, self._target, self._headers(question), question)
            except h11.RemoteProtocolError as error:
                raise ModelUnavailable("the answer is not HTTP/1.1") from error
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise ModelUnavailable("the connection broke") from error
            finally:
                _drop(stream)
        raise ModelUnavailable(f"no answer within {seconds:g} s")

    def _headers(self, question: bytes) -> list[tuple[str, str]]:
        headers = [
            ("Host", self._target.host_header),
            ("Connection", "close"),
            ("Content-Type", "application/json"),
            ("Accept", "application/json"),
            ("Content-Length", str(len(question))),
        ]
        if self._settings.model_token:
            headers.append(("Authorization", f"Bearer {self._settings.model_token}"))
        return headers


async def _exchange(stream: trio.abc.Stream, target: Target, headers: list[tuple[str, str]], question: bytes) -> bytes:
    protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD_BYTES)
    head = protocol.send(h11.Request(method="POST", target=target.path, headers=headers)) or b""
    protocol.send(h11.Data(data=question))
    protocol.send(h11.EndOfMessage())
    await stream.send_all(head + question)
    body = bytearray()
    wire = 0
    while True:
        event = protocol.next_event()
        if event is h11.NEED_DATA:
            data = bytes(await stream.receive_some(_READ_BYTES))
            if not data and protocol.their_state is h11.SEND_RESPONSE:
                raise ModelUnavailable("the connection closed without an answer")
            wire += len(data)
            # Octets on the wire: interim responses and chunks of nothing count as well.
            if wire > 2 * MOST_OCTETS + _HEAD_BYTES:
                raise ModelUnavailable(f"the answer has more than {MOST_OCTETS} octets")
            protocol.receive_data(data)
        elif isinstance(event, h11.Response):
            if event.status_code != 200:
                raise ModelUnavailable(f"answered with status {event.status_code}")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_OCTETS:
                raise ModelUnavailable(f"the answer has more than {MOST_OCTETS} octets")
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body)
        elif not isinstance(event, h11.InformationalResponse):
            raise ModelUnavailable("the connection closed without an answer")


def _read(body: bytes) -> ModelVerdict:
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # The text of the error names what is wrong, never what stood there.
        raise ModelUnavailable(f"the answer is not as agreed: {shortened(legible(str(error)), 200)}") from error
    categories = tuple((legible(one.name), one.score) for one in answer.categories)
    summary = shortened(legible(answer.summary[: MOST_SUMMARY * 4]), MOST_SUMMARY)
    return ModelVerdict(answer.score, tuple(sorted(categories, key=lambda one: -one[1])), summary)


def _cut(text: str, most: int) -> str:
    """Beginning and end: what is hidden from a reader stands at the end as often as at the beginning."""
    if len(text) <= most:
        return text
    tail = most // 4
    return text[: most - tail] + _LEFT_OUT + (text[-tail:] if tail else "")


def _drop(stream: trio.abc.Stream) -> None:
    """Close without a checkpoint, so that it works in a cancelled scope."""
    plain = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if isinstance(plain, trio.SocketStream):
        plain.socket.close()
