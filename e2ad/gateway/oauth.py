"""The verbs of OAuth: a program asks, a person lets it in, it fetches its tokens, renews them, gives them back.

Codes and tokens are random texts that are kept as hashes. A grant is what they all hang on: it ends at once, in
every process, when its owner says so, when its inbox goes to the trash, and when a code or a refresh token is
used twice, for then two have it and one of them is a thief (RFC 9700 section 4.14).
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import frozen

from e2ad import maillog
from e2ad.core import oauth
from e2ad.core.audit import SYSTEM, Actor
from e2ad.core.errors import NotFound, OAuthRefused
from e2ad.core.oauth import ACCESS_LIFETIME, CODE_LIFETIME, REFRESH_LIFETIME, ROTATION_GRACE
from e2ad.core.oauth_clients import Client, read_registration
from e2ad.core.oauth_consent import FORM_SECONDS, ConsentRequest
from e2ad.core.signing import key_hash
from e2ad.gateway import audit, mint
from e2ad.gateway.oauth_clients import Clients
from e2ad.storage import oauth as table
from e2ad.storage.oauth import Granted, LockedRefresh, NewGrant, NewTokens
from e2ad.storage.pool import Database, Executor

__all__ = ["OAuth", "Question", "SentBack", "Tokens"]

CODE: Final = "oace_"
ACCESS: Final = "ate2a_"
REFRESH: Final = "rte2a_"
_SECRET_BYTES: Final = 32
MAX_STATE: Final = 4096
MAX_SECRET: Final = 200
_NOT_GOOD: Final = "the code or token is unknown, used, expired or revoked, or was given to another client"


class SentBack(Exception):
    """The person's browser goes back to the program, with what went wrong in the URL."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


@frozen
class Question:
    """What a person is to decide."""

    client: Client
    request: ConsentRequest


@frozen
class Tokens:
    """What a program gets for a code or a refresh token (RFC 6749 section 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str
    scope: str


@frozen
class OAuth:
    """The verbs.

    Args:
        issuer: the deployment's own URL; "" where none is configured.
    """

    database: Database
    clients: Clients
    issuer: str

    async def register(self, raw: bytes, client_address: str) -> tuple[Client, datetime]:
        """Take a program that registers itself; when it did.

        Raises:
            OAuthRefused: what it says of itself cannot be taken.
        """
        name, redirect_uris = read_registration(raw)
        client, at = Client("mcp_" + secrets.token_hex(6), name, redirect_uris), mint.now()
        await table.insert_client(self.database, client, client_address, at)
        return client, at

    async def ask(self, account_id: str, query: Mapping[str, Sequence[str]]) -> Question:
        """Check what a program asks of a person who is signed in.

        Until program and redirect URI are known to belong together nothing goes to that URI.

        Raises:
            OAuthRefused: a page has to say it, since nobody is known to be told.
            SentBack: the program is told.
            RateLimited: see `Clients.find`.
        """
        client = await self.clients.find(_single(query, "client_id"), account_id)
        redirect_uri = _redirect_uri(client, query)
        try:
            state = _single(query, "state")
            if len(state) > MAX_STATE:
                raise OAuthRefused("invalid_request", f"state must have at most {MAX_STATE} characters")
        except OAuthRefused as refused:
            raise SentBack(self._back(redirect_uri, "", refused)) from refused
        try:
            return Question(client, self._request(account_id, client, redirect_uri, state, query))
        except OAuthRefused as refused:
            raise SentBack(self._back(redirect_uri, state, refused)) from refused

    def deny(self, request: ConsentRequest) -> str:
        """Where the browser goes when the person says no."""
        return self._back(request.redirect_uri, request.state, OAuthRefused("access_denied", "the person said no"))

    async def allow(
        self,
        request: ConsentRequest,
        client: Client,
        scope: str,
        agent_email: str | None,
        actor: Actor = SYSTEM,
    ) -> str:
        """Let the program in; where the browser goes with its code.

        Args:
            agent_email: the one inbox of the scope `agent`.

        Raises:
            OAuthRefused: the scope was not asked for.
            NotFound: the inbox is no live one of the account.

        Cancellation: it is let in, with a code that nobody has, or not.
        """
        if not oauth.match_redirect(client.redirect_uris, request.redirect_uri):
            raise OAuthRefused("invalid_request", "the client has changed its redirect URIs: begin again")
        if scope not in request.scopes or (scope == "agent") != (agent_email is not None):
            raise OAuthRefused("invalid_scope", "this was not asked for")
        code, at = _secret(CODE), mint.now()
        grant = NewGrant(
            account_id=request.account_id,
            id=mint.new_id("grant_"),
            client_id=request.client_id,
            scope=scope,
            agent_email=agent_email,
            resource=request.resource,
            code_sha256=key_hash(code),
            redirect_uri=request.redirect_uri,
            challenge=request.challenge,
            at=at,
            expires_at=at + CODE_LIFETIME,
        )
        async with self.database.transaction() as transaction:
            if client.metadata_url is not None:
                await table.keep_client(transaction, client)
            if not await table.add_grant(transaction, grant):
                raise NotFound("no such inbox")
            known = {"client_id": client.id, "client_name": client.name, "scope": scope, "agent_email": agent_email}
            await audit.record(transaction, request.account_id, actor, "connection.allowed", grant.id, known, at=at)
        maillog.program_let_in(request.account_id, grant.id, request.client_id, scope)
        return oauth.answer_url(request.redirect_uri, {"code": code, "state": request.state, "iss": self.issuer})

    async def exchange(self, form: Mapping[str, str]) -> Tokens:
        """Tokens for a code, once (RFC 6749 section 4.1.3, RFC 7636 section 4.5).

        Raises:
            OAuthRefused: the code is not good for this program, or was used: then its grant ends.

        Cancellation: the code is used and the tokens are lost, or it is as before.
        """
        code_sha256, client_id = _hash_of(form, "code", CODE), _required(form, "client_id")
        verifier, at = _required(form, "code_verifier"), mint.now()
        async with self.database.transaction() as transaction:
            code = await table.lock_code(transaction, code_sha256)
            if code is not None and code.used_at is None and _good(code, client_id, at):
                if form.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
                    raise OAuthRefused("invalid_grant", "redirect_uri is not the one that the code was sent to")
                if not oauth.proves(verifier, code.challenge):
                    raise OAuthRefused("invalid_grant", "code_verifier does not belong to the code_challenge")
                self._check_resource(form, code)
                await table.use_code(transaction, code_sha256, at)
                return await self._issue(transaction, code, at, None)
        if code is not None and code.used_at is not None:
            await self._end(code, "code_reused")
        raise await self._not_good(client_id)

    async def refresh(self, form: Mapping[str, str]) -> Tokens:
        """New tokens for a refresh token, which is used up (RFC 6749 section 6, RFC 9700 section 4.14.2).

        Raises:
            OAuthRefused: the token is not good for this program, or was used: then its grant ends.

        Cancellation: the token is used and the new ones are lost, or it is as before; for some seconds it
        can be used again by whoever got no answer.
        """
        token_sha256, client_id = _hash_of(form, "refresh_token", REFRESH), _required(form, "client_id")
        at = mint.now()
        async with self.database.transaction() as transaction:
            token = await table.lock_refresh(transaction, token_sha256)
            reused = token is not None and _reused(token, at)
            if token is not None and not reused and _good(token, client_id, at):
                self._check_scope(form, token)
                self._check_resource(form, token)
                await table.rotate(transaction, token_sha256, at)
                return await self._issue(transaction, token, at, token_sha256)
        if token is not None and reused:
            await self._end(token, "refresh_token_reused")
        raise await self._not_good(client_id)

    async def revoke(self, form: Mapping[str, str]) -> None:
        """Take a token back (RFC 7009): a refresh token with its grant, an access token alone. Unknown ones are fine.

        Raises:
            OAuthRefused: no token, or another program's.
        """
        text = _required(form, "token")
        token_sha256 = key_hash(text[:MAX_SECRET])
        found = await table.find_token(self.database, token_sha256)
        if found is None:
            return
        if form.get("client_id", found.client_id) != found.client_id:
            raise OAuthRefused("invalid_client", "the token was given to another client")
        if found.kind == "access":
            await table.drop_access(self.database, token_sha256)
        else:
            await self._revoke(found.account_id, found.grant_id, "given_back", Actor("program", found.grant_id))

    async def disconnect(self, account_id: str, grant_id: str, actor: Actor = SYSTEM) -> None:
        """End what a program may do, as its owner asks.

        Raises:
            NotFound: the account let in nothing of that id, or it ended before.
        """
        if not await self._revoke(account_id, grant_id, "owner", actor):
            raise NotFound

    async def connections(
        self, account_id: str, *, before: tuple[datetime, str] | None, limit: int
    ) -> list[table.Connection]:
        """The programs that an account let in, newest first."""
        return await table.page_connections(self.database, account_id, before=before, limit=limit)

    def _request(
        self, account_id: str, client: Client, redirect_uri: str, state: str, query: Mapping[str, Sequence[str]]
    ) -> ConsentRequest:
        response_type, challenge = _single(query, "response_type"), _single(query, "code_challenge")
        if response_type != "code":
            raise OAuthRefused("unsupported_response_type", "response_type must be code")
        if _single(query, "response_mode") not in ("", "query"):
            raise OAuthRefused("invalid_request", "response_mode must be query")
        if _single(query, "code_challenge_method") != "S256" or not oauth.is_challenge(challenge):
            raise OAuthRefused(
                "invalid_request", "code_challenge is required, made with code_challenge_method S256 (RFC 7636)"
            )
        if _single(query, "prompt") == "none":
            raise OAuthRefused("interaction_required", "a person is always asked")
        return ConsentRequest(
            account_id=account_id,
            client_id=client.id,
            redirect_uri=redirect_uri,
            scopes=oauth.read_scope(_single(query, "scope")),
            state=state,
            challenge=challenge,
            resource=oauth.read_resource(query.get("resource", ()), self.issuer),
            nonce=secrets.token_urlsafe(12),
            expires_at=int(mint.now().timestamp()) + FORM_SECONDS,
        )

    def _back(self, redirect_uri: str, state: str, refused: OAuthRefused) -> str:
        answer = {"error": refused.error, "error_description": refused.message, "state": state, "iss": self.issuer}
        return oauth.answer_url(redirect_uri, answer)

    def _check_scope(self, form: Mapping[str, str], granted: Granted) -> None:
        asked = set(form.get("scope", "").split()) & set(oauth.SCOPES)
        if asked and granted.scope not in asked:
            raise OAuthRefused("invalid_scope", f"what was granted is {granted.scope}: nothing else can be asked for")

    def _check_resource(self, form: Mapping[str, str], granted: Granted) -> None:
        resource = oauth.read_resource([form.get("resource", "")], self.issuer)
        if resource is not None and granted.resource not in (None, resource):
            raise OAuthRefused("invalid_target", f"the grant is for {granted.resource}")

    async def _issue(self, executor: Executor, granted: Granted, at: datetime, parent: bytes | None) -> Tokens:
        access, refresh = _secret(ACCESS), _secret(REFRESH)
        tokens = NewTokens(
            account_id=granted.account_id,
            grant_id=granted.grant_id,
            client_id=granted.client_id,
            access_sha256=key_hash(access),
            access_until=at + ACCESS_LIFETIME,
            refresh_sha256=key_hash(refresh),
            refresh_until=at + REFRESH_LIFETIME,
            parent_sha256=parent,
            at=at,
        )
        await table.add_tokens(executor, tokens)
        return Tokens(access, "Bearer", int(ACCESS_LIFETIME.total_seconds()), refresh, granted.scope)

    async def _end(self, granted: Granted, reason: str) -> None:
        await self._revoke(granted.account_id, granted.grant_id, reason, SYSTEM)

    async def _revoke(self, account_id: str, grant_id: str, reason: str, actor: Actor) -> bool:
        async with self.database.transaction() as transaction:
            ended = await table.revoke_grant(transaction, account_id, grant_id, reason, mint.now())
            if ended:
                await audit.record(transaction, account_id, actor, "connection.ended", grant_id, {"reason": reason})
        if ended:
            maillog.program_ended(account_id, grant_id, reason)
        return ended

    async def _not_good(self, client_id: str) -> OAuthRefused:
        if await self.clients.known(client_id) is None:
            # The word that makes a program register again.
            return OAuthRefused("invalid_client", "no client has this client_id: register again")
        return OAuthRefused("invalid_grant", _NOT_GOOD)


def _good(granted: Granted, client_id: str, at: datetime) -> bool:
    return granted.live and granted.client_id == client_id and at < granted.expires_at


def _reused(token: LockedRefresh, at: datetime) -> bool:
    if token.rotated_at is None or token.expires_at <= at:
        return False
    return token.successor_used or at - token.rotated_at > ROTATION_GRACE


def _redirect_uri(client: Client, query: Mapping[str, Sequence[str]]) -> str:
    wanted = _single(query, "redirect_uri")
    if not wanted and len(client.redirect_uris) == 1:
        return client.redirect_uris[0]
    if not oauth.match_redirect(client.redirect_uris, wanted):
        raise OAuthRefused("invalid_request", "redirect_uri is not one that the client has registered")
    return wanted


def _single(query: Mapping[str, Sequence[str]], name: str) -> str:
    """RFC 6749 section 3.1: a parameter comes once; one without a value does not count."""
    values = query.get(name, ())
    if len(values) > 1:
        raise OAuthRefused("invalid_request", f"{name} must be given once")
    return values[0] if values else ""


def _required(form: Mapping[str, str], name: str) -> str:
    value = form.get(name, "")
    if not value:
        raise OAuthRefused("invalid_request", f"{name} is required")
    return value


def _hash_of(form: Mapping[str, str], name: str, prefix: str) -> bytes:
    text = _required(form, name)
    if not text.startswith(prefix) or len(text) > MAX_SECRET:
        raise OAuthRefused("invalid_grant", _NOT_GOOD)
    return key_hash(text)


def _secret(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(_SECRET_BYTES)
