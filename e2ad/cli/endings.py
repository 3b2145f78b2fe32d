"""How a command of `e2a` ends: its exit status, and what is said about a failure, to people or to programs."""

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from e2ad.cli.printing import as_json, plain
from e2ad.sdk import E2AConnectionError, E2AError, E2AValidationError

__all__ = [
    "EX_AGAIN",
    "EX_CREDENTIALS",
    "EX_DOCTOR_FAILURE",
    "EX_DOCTOR_WARNING",
    "EX_HELD",
    "EX_INTERRUPTED",
    "EX_NOT_SENT",
    "EX_PERMANENT",
    "EX_READ_ONLY",
    "EX_STILL_WAITING",
    "EX_USAGE",
    "STATUSES",
    "Asked",
    "explained",
    "fail",
    "refuse",
    "status_of",
]

EX_AGAIN: Final = 1
EX_USAGE: Final = 2
EX_HELD: Final = 3
EX_CREDENTIALS: Final = 4
EX_PERMANENT: Final = 5
EX_STILL_WAITING: Final = 6
EX_NOT_SENT: Final = 7
EX_DOCTOR_WARNING: Final = 8
EX_DOCTOR_FAILURE: Final = 9
EX_READ_ONLY: Final = 10
EX_INTERRUPTED: Final = 130
"""Frozen (contract: exit codes of the client)."""

STATUSES: Final[Mapping[int, str]] = {
    0: "done",
    EX_AGAIN: "failed, and may work if tried again",
    EX_USAGE: "wrong usage",
    EX_HELD: "held for a person's review",
    EX_CREDENTIALS: "no credential, or not one for this",
    EX_PERMANENT: "failed, and will not work",
    EX_STILL_WAITING: "the time to wait is over",
    EX_NOT_SENT: "not sent, or nobody knows",
    EX_DOCTOR_WARNING: "doctor has a warning",
    EX_DOCTOR_FAILURE: "doctor found something broken",
    EX_READ_ONLY: "the account is read-only",
    EX_INTERRUPTED: "interrupted",
}

_CODES: Final[Mapping[int, str]] = {
    EX_AGAIN: "failed",
    EX_USAGE: "usage",
    EX_HELD: "held_for_review",
    EX_CREDENTIALS: "no_credential",
    EX_PERMANENT: "failed",
    EX_STILL_WAITING: "wait_expired",
    EX_NOT_SENT: "not_sent",
    EX_INTERRUPTED: "interrupted",
}
"""The code in JSON of a failure that is not the API's."""

_ADVICE: Final[Mapping[str, str]] = {
    "recipient_suppressed": "see who is blocked and why: e2a suppressions list [--agent AGENT]",
    "domain_not_verified": "see which DNS record is missing: e2a domains show DOMAIN",
    "blocked_by_policy": "see the agent's rules: e2a protection show AGENT",
    "message_not_pending": "it was decided already, or its time ran out: e2a reviews show MESSAGE",
    "message_not_yet_delivered": "that mail is still on its way: e2a trace MESSAGE",
    "idempotency_key_reuse": "the key was used for another mail; give each mail a key of its own",
    "idempotency_in_flight": "the same send is under way; repeat it in a moment with the same key",
    "forbidden": "what this key may do: e2a whoami; more with a key of the account: e2a --api-key KEY, or e2a login",
    "invalid_response": "does an e2ad answer there? which address is asked, and where it comes from: e2a doctor",
    "unauthorized": "see which key is used and where it comes from: e2a doctor; get a new one: e2a login",
}


class Asked:
    """What stands before the command's name, for the command: `--url`, `--api-key`, `--profile` and the like."""

    def __init__(self) -> None:
        self.url: str | None = None
        self.api_key: str | None = None
        self.profile: str | None = None
        self.as_json = False
        self.colour: bool | None = None
        self.about = ""  # the agent that a message was looked for at


def _asked() -> Asked:
    context = click.get_current_context(silent=True)
    return (context and context.find_object(Asked)) or Asked()


def fail(status: int, message: str, more: list[str] | None = None, *, code: str | None = None) -> NoReturn:
    """End with a line on stderr, further lines below it, and an exit status; with --json, with an object there."""
    if _asked().as_json:
        refuse({"code": code or _CODES.get(status, "failed"), "message": message, "more": more or []}, status)
    click.echo(f"e2a: {plain(message)}", err=True)
    for line in more or []:
        click.echo(f"  {plain(line)}", err=True)
    sys.exit(status)


def refuse(error: Mapping[str, Any], status: int) -> NoReturn:
    """End with a failure for programs: one object on stderr, nothing on stdout."""
    click.echo(as_json({"error": {**error, "exit_status": status}}), err=True)
    sys.exit(status)


@contextmanager
def explained() -> Iterator[None]:
    """Failures of the API as one line (or one object) and an exit status.

    Raises:
        SystemExit: for each of them.
    """
    try:
        yield
    except E2AError as error:
        status = status_of(error)
        if _asked().as_json:
            refuse(_document(error), status)
        if isinstance(error, E2AConnectionError):
            fail(status, str(error), [_unreachable(str(error))])
        if not error.status:
            fail(status, str(error))
        fail(status, f"{error} ({error.code})", _more(error))
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        # JSON in which nothing is where it belongs: another program answers at that address.
        where = traceback.extract_tb(error.__traceback__)[-1]
        fail(
            EX_PERMANENT,
            f"the answer is not one of this API: {type(error).__name__}: {error}",
            [
                _ADVICE["invalid_response"],
                f"if it is one, then this is a mistake of e2a: {Path(where.filename).name}:{where.lineno}",
            ],
            code="invalid_response",
        )


def status_of(error: E2AError) -> int:
    """The exit status that a failure of the API means."""
    if error.code == "account_read_only":
        return EX_READ_ONLY
    if error.code in ("unauthorized", "forbidden", "insufficient_scope", "invalid_api_key") or error.status == 401:
        return EX_CREDENTIALS
    if isinstance(error, E2AValidationError) and not error.status:
        return EX_USAGE  # refused by the client itself
    return EX_AGAIN if error.retryable else EX_PERMANENT


def _unreachable(said: str) -> str:
    """What to do where no answer comes."""
    if "WRONG_VERSION_NUMBER" in said:
        return "nothing speaks TLS there: does the address begin with http:// instead of https://?"
    return "which address is asked, and where it comes from: e2a doctor; another one: --url URL, E2A_URL, e2a login"


def _document(error: E2AError) -> dict[str, Any]:
    found = {
        "code": error.code,
        "message": error.message,
        "status": error.status or None,
        "request_id": error.request_id or None,
        "retryable": error.retryable,
        "retry_after_seconds": error.retry_after_seconds,
        "details": dict(error.details) or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def _more(error: E2AError) -> list[str]:
    """What else the answer says, and what to do about it."""
    lines = [line for one in error.problems if (line := one.removeprefix(": ")) != str(error)]
    details = error.details
    if error.retry_after_seconds is not None:
        lines.append(f"try again in {error.retry_after_seconds:g} s")
    if "max_bytes" in details and str(details["max_bytes"]) not in str(error):
        what = details.get("filename") or str(details.get("scope", "the body")).replace("_", " ")
        lines.append(f"{what}: {details.get('actual_bytes')} bytes, at most {details['max_bytes']} are taken")
    if "resource" in details:
        lines.append(f"{details['resource']}: {details.get('current')} of {details.get('limit')} used")
    if isinstance(record := details.get("ownership_record"), Mapping):
        lines.append("if it is yours, publish this record and register it again:")
        lines.append(f"{record.get('type')} {record.get('name')} {record.get('value')}")
    if error.status >= 500 and error.request_id:
        lines.append(f"request id: {error.request_id}")
    if error.code in _ADVICE:
        lines.append(_ADVICE[error.code])
    elif error.code == "not_found" and error.message.startswith("agent "):
        lines.append("which there are: e2a agents list")
    elif error.code == "not_found" and error.message.startswith("message ") and _asked().about:
        lines.append(f"looked for at {_asked().about}; if it is another agent's: --agent AGENT")
    return lines
