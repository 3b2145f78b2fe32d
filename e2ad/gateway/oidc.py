"""What an OpenID provider is asked: its description, its keys, who a code stands for.

Everything goes through the guard of deliveries, with a deadline and a bound on its size. Description and keys are
remembered; when the provider cannot be asked for new ones, those that are known go on for a while. A token that is
signed with a key that is not known has the keys asked for once more, and not again soon.
"""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import trio
from attrs import define, field, frozen
from joserfc.jwk import Key

from e2ad import maillog
from e2ad.config.doors import Oidc
from e2ad.core.errors import InvalidWebhookUrl, Unavailable
from e2ad.core.oidc import (
    Asked,
    NotBelieved,
    Person,
    Provider,
    UnknownKey,
    discovery_url,
    person_of,
    read_id_token,
    read_keys,
    read_provider,
)
from e2ad.delivery.egress import Unreachable, parse_url
from e2ad.delivery.fetch import Connector, fetch, post_form
from e2ad.gateway.mint import now

__all__ = ["OpenIdProvider"]

DOCUMENT_BYTES: Final = 131_072
TOKEN_BYTES: Final = 65_536
AT_A_TIME: Final = 8
STALE_SECONDS: Final = 86_400.0
"""How long what is known goes on while the provider cannot be asked."""
AGAIN_SECONDS: Final = 15.0
"""How long the provider is left alone after it could not be asked, or had no new keys."""

T = TypeVar("T")


@define
class _Remembered(Generic[T]):
    """One document of the provider's."""

    issuer: str
    value: T | None = None
    read_at: float = 0.0
    asked_at: float = float("-inf")
    lock: trio.Lock = field(factory=trio.Lock)

    async def get(self, ask: Callable[[], Awaitable[T]], seconds: float, *, newer_than: float = float("-inf")) -> T:
        """It, asked for when what is known is older than `seconds`, or was read no later than `newer_than`.

        Raises:
            NotBelieved, Unreachable: it cannot be had, and nothing is known that could go on.
        """
        async with self.lock:
            at = trio.current_time()
            value, age = self.value, at - self.read_at
            if value is not None and age < seconds and self.read_at > newer_than:
                return value
            if at - self.asked_at < AGAIN_SECONDS:
                if value is None or age >= STALE_SECONDS:
                    raise Unreachable("it was asked a moment ago, and could not answer")
                return value
            self.asked_at = at
            try:
                self.value = await ask()
            except (NotBelieved, Unreachable) as error:
                if value is None or age >= STALE_SECONDS:
                    raise
                maillog.provider_refused(self.issuer, f"going on with what is known: {error}")
                return value
            self.read_at = trio.current_time()
            return self.value


@frozen
class _Tokens:
    id_token: str
    access_token: str


@define
class OpenIdProvider:
    """The provider that people sign in with; one a process, for what it remembers.

    Args:
        allow_http: as deliveries may, so that it can be tried on one machine.
    """

    settings: Oidc
    connector: Connector
    allow_http: bool = False
    _described: _Remembered[Provider] = field(init=False)
    _keys: _Remembered[tuple[Key, ...]] = field(init=False)
    _turns: trio.Semaphore = field(factory=lambda: trio.Semaphore(AT_A_TIME), init=False)

    def __attrs_post_init__(self) -> None:
        self._described = _Remembered(self.settings.issuer)
        self._keys = _Remembered(self.settings.issuer)

    @property
    def name(self) -> str:
        """What stands on the button; "" where there is no provider."""
        return self.settings.name or urlsplit(self.settings.issuer).hostname or ""

    async def described(self) -> Provider:
        """What it says about itself.

        Raises:
            Unavailable: it cannot be asked, or does not say what it must.
        """
        return await self._bounded(self._description)

    async def person(self, code: str, asked: Asked, redirect_uri: str) -> Person:
        """Who a code stands for: the code is exchanged, and every word of the answer looked at.

        Raises:
            NotBelieved: nobody; the code is not good, or what is said cannot be believed.
            Unavailable: the provider cannot be asked.
        """
        return await self._bounded(lambda: self._person(code, asked, redirect_uri))

    async def _bounded(self, work: Callable[[], Awaitable[T]]) -> T:
        reason = "it takes too long"
        # At the worst: the turn, description, tokens, keys twice, and what is told of the person.
        with trio.move_on_after(6 * self.settings.request_seconds):
            async with self._turns:
                try:
                    return await work()
                except Unreachable as error:
                    reason = str(error)
                except InvalidWebhookUrl:
                    reason = "an address of it is malformed"
        maillog.provider_refused(self.settings.issuer, reason)
        raise Unavailable(f"{self.name} cannot be asked just now: try again in a moment, or sign in another way")

    async def _description(self) -> Provider:
        async def ask() -> Provider:
            issuer = self.settings.issuer
            return read_provider(await self._get(discovery_url(issuer)), issuer, allow_http=self.allow_http)

        try:
            return await self._described.get(ask, self.settings.remember_seconds)
        except NotBelieved as error:
            raise Unreachable(str(error)) from error

    async def _person(self, code: str, asked: Asked, redirect_uri: str) -> Person:
        provider = await self._description()
        tokens = await self._exchange(provider, code, asked.verifier, redirect_uri)
        keys = await self._published(provider)
        try:
            claims = self._claims(tokens, keys, asked)
        except UnknownKey:
            keys = await self._published(provider, newer_than=self._keys.read_at)
            claims = self._claims(tokens, keys, asked)
        if "email" not in claims and provider.userinfo_endpoint:
            claims = await self._told(provider, tokens, claims)
        return person_of(claims)

    def _claims(self, tokens: _Tokens, keys: tuple[Key, ...], asked: Asked) -> Mapping[str, Any]:
        return read_id_token(
            tokens.id_token,
            keys,
            issuer=self.settings.issuer,
            client_id=self.settings.client_id,
            nonce=asked.nonce,
            access_token=tokens.access_token,
            now=now(),
        )

    async def _published(self, provider: Provider, newer_than: float = float("-inf")) -> tuple[Key, ...]:
        async def ask() -> tuple[Key, ...]:
            return read_keys(await self._get(provider.jwks_uri))

        try:
            return await self._keys.get(ask, self.settings.remember_seconds, newer_than=newer_than)
        except NotBelieved as error:
            raise Unreachable(str(error)) from error

    async def _exchange(self, provider: Provider, code: str, verifier: str, redirect_uri: str) -> _Tokens:
        client_id, secret = self.settings.client_id, self.settings.client_secret
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        headers: dict[str, str] = {}
        if secret and provider.basic:
            # RFC 6749 section 2.3.1: both are encoded as in a form first.
            pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            fields |= {"client_id": client_id} | ({"client_secret": secret} if secret else {})
        status, raw = await post_form(
            self.connector,
            parse_url(provider.token_endpoint),
            fields,
            max_bytes=TOKEN_BYTES,
            seconds=self.settings.request_seconds,
            headers=headers,
        )
        answer = _object(raw)
        if status != 200:
            word = answer.get("error")
            raise NotBelieved(f"it takes no such code: {word if isinstance(word, str) else status}"[:200])
        id_token, access_token = answer.get("id_token"), answer.get("access_token", "")
        if not isinstance(id_token, str) or not isinstance(access_token, str):
            raise NotBelieved("its answer has no ID token")
        return _Tokens(id_token, access_token)

    async def _told(self, provider: Provider, tokens: _Tokens, claims: Mapping[str, Any]) -> Mapping[str, Any]:
        """The address where the ID token does not have it (OpenID Connect Core 1.0 section 5.3.2)."""
        if not tokens.access_token.isascii() or not tokens.access_token.isprintable():
            raise NotBelieved("its access token cannot be sent")
        raw = await self._get(provider.userinfo_endpoint, {"Authorization": f"Bearer {tokens.access_token}"})
        told = _object(raw)
        if told.get("sub") != claims.get("sub"):
            raise NotBelieved("what it tells is about somebody else")
        return {**told, **claims}

    async def _get(self, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        return await fetch(
            self.connector,
            parse_url(url),
            max_bytes=DOCUMENT_BYTES,
            seconds=self.settings.request_seconds,
            headers=headers,
        )


def _object(raw: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotBelieved("its answer is not JSON") from error
    if not isinstance(document, dict):
        raise NotBelieved("its answer is no JSON object")
    return document
