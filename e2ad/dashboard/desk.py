"""Where a signed-in person works: who it is, what the browser sent, and the operations of `/v1` in process.

No rule lives twice: `Desk.call` carries out an operation as the API would, with its schema, its scope, its limits and
its Idempotency-Key, and no HTTP in between. What the API has not, pages ask of the gateway.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from attrs import field, frozen

from e2ad.api.app import OPERATIONS
from e2ad.api.dispatch import OperationEndpoint, authorize, take_registration
from e2ad.api.operation import Call
from e2ad.api.services import Services
from e2ad.api.shapes import Malformed, Problem
from e2ad.core.address import fold_address
from e2ad.core.errors import InvalidRequest, NotFound, PayloadTooLarge, ValidationFailed
from e2ad.gateway.access import Principal

__all__ = ["Desk", "Form", "Upload"]

_OPERATIONS: Final = {one.id: one for one in OPERATIONS}
MOST_ADDRESSES: Final = 100_000
"""Characters of a field of addresses."""
_KEY: Final = re.compile(r"[0-9a-f]{64}")
_TOKEN: Final = re.compile(r'[^,;\n"]++|[,;\n]|"(?:[^"\\]++|\\.)*+"|"')
_PLAIN: Final = re.compile(r'[^,;\n"]++|[,;\n"]')
_SEPARATORS: Final = frozenset(",;\n")


@frozen
class Upload:
    """A file that a form brought along, as its browser names it."""

    filename: str
    content_type: str
    content: bytes = field(repr=False)


@frozen
class Form:
    """What a form sent: the texts of each field, and files."""

    fields: Mapping[str, Sequence[str]] = field(factory=dict, repr=False)
    files: Sequence[Upload] = ()

    def text(self, name: str) -> str:
        """A field's text, "" where it is not there; line ends are those of text, not of forms."""
        values = self.fields.get(name)
        return values[0].replace("\r\n", "\n") if values else ""

    def line(self, name: str) -> str:
        """A field of one line, without the blanks around it."""
        return " ".join(self.text(name).split())

    def addresses(self, name: str) -> list[str]:
        """Addresses, separated by commas, semicolons or lines; commas inside quotes and comments separate nothing.

        Raises:
            InvalidRequest: nobody writes so many.
        """
        text, token, at = self.text(name), _TOKEN, 0
        if len(text) > MOST_ADDRESSES:
            raise InvalidRequest(f"{name} is too long: it may have {MOST_ADDRESSES:,} characters")
        parts: list[list[str]] = [[]]
        while (found := token.match(text, at)) is not None:
            at = found.end()
            if found[0] in _SEPARATORS:
                parts.append([])
                continue
            parts[-1].append(found[0])
            if found[0] == '"':
                token = _PLAIN  # A quote that nothing closes: it is not looked for again behind each further one.
        return [part for one in parts if (part := "".join(one).strip())]

    def ticked(self, name: str) -> bool:
        """Whether a box is ticked."""
        return bool(self.text(name))


@frozen
class Desk:
    """One request of somebody who is signed in.

    Attributes:
        own: the request comes from a page of ours, not from a link in a mail: only then anything is marked as read.
        part: htmx asks for a part of a page.
        here: path and query of this page.
    """

    services: Services
    principal: Principal
    path: Mapping[str, str]
    query: Mapping[str, str]
    form: Form
    headers: Mapping[str, str] = field(repr=False)
    client_address: str
    request_id: str
    here: str
    own: bool = True
    part: bool = False

    @property
    def account_id(self) -> str:
        """Whose desk it is."""
        return self.principal.account_id

    @property
    def email(self) -> str:
        """The agent of the path, as it is stored."""
        return fold_address(self.path["email"])

    def asked(self, name: str) -> str:
        """A parameter of the query, "" where it is not there."""
        return self.query.get(name, "").strip()

    @property
    def pictures(self) -> bool:
        """Whether to load pictures from elsewhere: asked for on a page of ours, and not by a stranger's link."""
        return self.own and self.asked("images") == "1"

    async def call(
        self,
        operation_id: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> Any:
        """Carry out an operation of `/v1` as the person who is signed in.

        Args:
            path: its parameters, decoded.
            query: as text, as it would stand in a URL; an empty text is nothing said.
            key: of a form, made when it was shown: sent twice, it is done once.

        Returns:
            The answer's JSON as builtins; of an operation that answers other bytes, those.

        Raises:
            Failure: as the operation. A deadline is the caller's.
        """
        operation, path = _OPERATIONS[operation_id], dict(path or {})
        raw = msgspec.json.encode(body or {}) if operation.body is not None else b""
        if len(raw) > operation.max_body:
            raise PayloadTooLarge
        if operation.registration:
            (await take_registration(self.services, self.client_address)).check()
        read_query: Any = operation.query.read(query or {}) if operation.query is not None else None
        try:
            read_body: Any = operation.body.read(raw) if operation.body is not None else None
        except Malformed as error:
            raise InvalidRequest(str(error)) from error
        problems: list[Problem] = [one for part in (read_query, read_body) if isinstance(part, list) for one in part]
        for name, shape in operation.path_types.items():
            try:
                shape.read(path[name])
            except msgspec.ValidationError as error:
                raise NotFound from error
        if problems:
            raise ValidationFailed(details={"fields": problems})
        if "email" in path:
            path["email"] = fold_address(path["email"])
        await authorize(self.services, operation.scope, self.principal, path.get("email"))
        call = Call(
            services=self.services,
            path=path,
            query=read_query,
            body=read_body,
            raw_body=raw,
            headers={"idempotency-key": f"page_{key}"} if _KEY.fullmatch(key) else {},
            client_address=self.client_address,
            request_id=self.request_id,
        )
        response = await OperationEndpoint(operation, self.services).carry_out(call, self.principal)
        if response.content_type != "application/json":
            return response.body
        return msgspec.json.decode(response.body)
