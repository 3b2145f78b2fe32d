"""A call as a conversation without any I/O: what to send, when to wait, what the answer means.

Every operation is a generator of `Steps`: it yields a `Request` (to be answered with a `Response`, or with an
`E2AConnectionError` thrown in) or a `Pause`, and returns an `Answer`. Whoever drives it does the I/O, blocking or
not; retries, idempotency keys and errors are thus written once (contract: published clients).
"""

import random
import re
import time
import uuid
from collections.abc import Callable, Generator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import NoneType
from typing import Any, BinaryIO, Final, Generic, TypeAlias, TypeVar, cast
from urllib.parse import quote

import msgspec
from attrs import define, evolve, field, frozen

from e2ad.sdk.errors import E2AError, E2AServerError, E2AValidationError, answered

__all__ = [
    "Answer",
    "BytesAnswer",
    "CountAnswer",
    "Patience",
    "Pause",
    "Request",
    "Response",
    "Sink",
    "Step",
    "Steps",
    "TaggedAnswer",
    "call",
    "decode",
    "path",
]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

FIRST_WAIT_SECONDS: Final = 0.2
LONGEST_WAIT_SECONDS: Final = 8.0
LONGEST_RETRY_AFTER_SECONDS: Final = 60.0


@frozen
class Patience:
    """How long a call is tried.

    Attributes:
        max_retries: attempts after the first.
        max_elapsed_seconds: no wait begins that would end later than this after the first attempt; None for no bound.
        clock: seconds, from any beginning.
        chance: a number from 0 to 1, each time another: clients that failed together must not come back together.
    """

    max_retries: int = 2
    max_elapsed_seconds: float | None = None
    clock: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random


@define
class Sink:
    """Takes a body in while it comes.

    Attributes:
        taken: octets so far.
    """

    file: BinaryIO
    progress: Callable[[int], object] | None = None
    taken: int = 0

    def write(self, octets: bytes) -> None:
        """Take some."""
        self.file.write(octets)
        self.taken += len(octets)
        if self.progress is not None:
            self.progress(self.taken)


@frozen
class Request:
    """One attempt.

    Attributes:
        query: members that are None are left out; a list is given comma-separated.
        body: any JSON value; None for no body.
        keyed: carries an `Idempotency-Key`, one of its own if the caller gives none.
        retried: whether a second attempt can do no harm; None for what the method and the key say.
        sink: takes the body of a success; the response then has none.
    """

    method: str
    path: str
    query: Mapping[str, Any] = field(factory=dict)
    body: Any = None
    headers: Mapping[str, str] = field(factory=dict)
    keyed: bool = False
    retried: bool | None = None
    sink: Sink | None = None

    @property
    def may_repeat(self) -> bool:
        """Reads, keyed writes, and what has the same effect twice."""
        if self.sink is not None and self.sink.taken:
            return False
        return self.retried if self.retried is not None else self.method != "POST" or self.keyed

    @property
    def parameters(self) -> dict[str, str]:
        """The query as text."""
        return {name: _text(value) for name, value in self.query.items() if value is not None}


@frozen
class Response:
    """An answer, whole; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@frozen
class Pause:
    """Wait, then go on."""

    seconds: float


Step: TypeAlias = Request | Pause


@frozen
class Answer(Generic[T_co]):
    """A 2xx, and what it is to be read as."""

    response: Response
    type: Any

    def plain(self) -> Any:
        """The JSON value as it came.

        Raises:
            E2AServerError: it is not JSON.
        """
        return decode(self.response, Any)

    def model(self) -> T_co:
        """The value with its types.

        Raises:
            E2AServerError: the answer is not what it should be.
        """
        found: T_co = decode(self.response, self.type)
        return found


class TaggedAnswer(Answer[T_co]):
    """A thing with its version: the second of a pair is the entity tag, None where there is none."""

    def plain(self) -> Any:
        """The JSON value and its tag."""
        return super().plain(), self.response.headers.get("etag")

    def model(self) -> T_co:
        """The value with its types, and its tag."""
        return cast("T_co", (decode(self.response, self.type), self.response.headers.get("etag")))


class BytesAnswer(Answer[bytes]):
    """Octets as they came, such as a mail's."""

    def plain(self) -> bytes:
        """The octets."""
        return self.response.content

    def model(self) -> bytes:
        """The octets."""
        return self.response.content


@frozen
class CountAnswer(Answer[int]):
    """How much a sink took."""

    count: int

    def plain(self) -> int:
        """Octets."""
        return self.count

    def model(self) -> int:
        """Octets."""
        return self.count


Steps: TypeAlias = Generator[Step, Response | None, Answer[T]]


def path(template: str, *parts: str | int) -> str:
    """A path with its `{}` filled in, each a segment of its own.

    Raises:
        E2AValidationError: a part is empty, no text, or would be taken for a step up (`.` and `..`).
    """
    for part in parts:
        if not isinstance(part, str | int):
            raise E2AValidationError(
                f"an address or an id is wanted, not {type(part).__name__}", code="invalid_request"
            )
        if part in ("", ".", ".."):
            raise E2AValidationError(f"{part!r} cannot be part of a path", code="invalid_request")
    return template.format(*(quote(str(part), safe="") for part in parts))


def call(request: Request, patience: Patience) -> Generator[Step, Response | None, Response]:
    """Have a request answered, trying again where that helps and harms nothing.

    Waits 0.2, 0.4, 0.8 … 8 s, less a random part up to a half, or as long as the server asks, at most a minute.

    Raises:
        E2AError: the last attempt's.
    """
    if request.keyed and "Idempotency-Key" not in request.headers:
        request = evolve(request, headers={**request.headers, "Idempotency-Key": uuid.uuid4().hex})
    began = patience.clock()
    attempt = 0
    while True:
        try:
            response = yield request
            assert response is not None, "a request is answered with a response"
            if 200 <= response.status < 300:
                return response
            raise _error(response)
        except E2AError as error:
            wait = _wait(error, attempt, patience)
            late = patience.max_elapsed_seconds is not None and (
                patience.clock() - began + wait > patience.max_elapsed_seconds
            )
            if attempt >= patience.max_retries or late or not (error.retryable and request.may_repeat):
                raise
        attempt += 1
        yield Pause(wait)


def decode(response: Response, kind: Any) -> Any:
    """The body of an answer as a `kind`.

    Raises:
        E2AServerError: it is not that.
    """
    if response.status == 204 and kind in (Any, NoneType):
        return None
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise E2AServerError(
            f"the answer cannot be read: {error}", code="invalid_response", status=response.status
        ) from error


def _wait(error: E2AError, attempt: int, patience: Patience) -> float:
    if error.retry_after_seconds is not None:
        return min(max(error.retry_after_seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)
    longest: float = min(FIRST_WAIT_SECONDS * 2**attempt, LONGEST_WAIT_SECONDS)
    return longest * (1.0 - patience.chance() / 2)


def _error(response: Response) -> E2AError:
    return answered(
        response.status, _document(response), retry_after_seconds=_retry_after(response.headers.get("retry-after"))
    )


def _document(response: Response) -> Any:
    """The body, decoded; the surface outside `/v1` answers errors as a line of text."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "text/plain" and (line := response.content[:500].decode(errors="replace").strip()):
        return {"error": {"message": line}}
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _retry_after(value: str | None) -> float | None:
    """Seconds, or a date (RFC 9110 section 10.2.3); None for anything else."""
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (at - datetime.now(UTC)).total_seconds() if at.tzinfo else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise E2AValidationError(f"{value} is a time without a zone: say tzinfo=UTC", code="invalid_request")
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)
