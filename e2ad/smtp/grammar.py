"""SMTP commands, read by the productions of RFC 5321 section 4.1 with RFC 1870, 3030, 3207, 6152 and 6531.

Tolerances, each because real senders need it and nothing can be smuggled through it: white space
before CRLF (RFC 5321 section 4.1.1), one space after ``FROM:`` and ``TO:``, and any visible string
as the argument of EHLO and HELO, since refusing it would lose the mail of a misconfigured sender.
"""

import re
from enum import Enum
from typing import ClassVar, Final, TypeAlias

from attrs import frozen

from e2ad.core.address import NULL_PATH, PATH_OCTETS, AddressError, Mailbox, ReversePath, parse_mailbox
from e2ad.smtp import replies
from e2ad.smtp.replies import Reply

__all__ = [
    "Bdat",
    "Body",
    "Command",
    "CommandError",
    "Hello",
    "Mail",
    "Plain",
    "Rcpt",
    "Verb",
    "parse_command",
]


class Verb(Enum):
    """The commands that the machine's table knows."""

    EHLO = "EHLO"
    HELO = "HELO"
    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BDAT = "BDAT"
    RSET = "RSET"
    NOOP = "NOOP"
    VRFY = "VRFY"
    HELP = "HELP"
    AUTH = "AUTH"
    STARTTLS = "STARTTLS"
    QUIT = "QUIT"


class Body(Enum):
    """RFC 6152: what the sender declares about octets above 127."""

    SEVEN_BIT = "7BIT"
    EIGHT_BIT = "8BITMIME"


class CommandError(Exception):
    """The line is no command that we take.

    Args:
        reply: what the peer is told.
        closes: the connection has to end, since what follows cannot be told apart from commands.
    """

    def __init__(self, reply: Reply, *, closes: bool = False) -> None:
        super().__init__(reply.lines[0])
        self.reply = reply
        self.closes = closes


@frozen
class Hello:
    """EHLO or HELO, with its argument as it was typed."""

    verb: Verb
    argument: str


@frozen
class Mail:
    """MAIL FROM. `size` is the declared number of octets, or None."""

    verb: ClassVar[Verb] = Verb.MAIL
    reverse_path: ReversePath
    size: int | None = None
    body: Body = Body.SEVEN_BIT
    smtputf8: bool = False


@frozen
class Rcpt:
    """RCPT TO."""

    verb: ClassVar[Verb] = Verb.RCPT
    forward_path: Mailbox


@frozen
class Bdat:
    """RFC 3030: so many octets follow at once; `last` ends the content."""

    verb: ClassVar[Verb] = Verb.BDAT
    size: int
    last: bool


@frozen
class Plain:
    """A command whose argument, if it has any, says nothing to us."""

    verb: Verb


Command: TypeAlias = Hello | Mail | Rcpt | Bdat | Plain

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

#   ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
#   helo = "HELO" SP Domain CRLF
_HELLO_ARGUMENT = re.compile(r"[\x21-\x7e\u00a1-\U0010ffff]{1,255}")

#   mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
#   rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF
#   Path = "<" [ A-d-l ":" ] Mailbox ">"
#   A-d-l = At-domain *( "," At-domain )        At-domain = "@" Domain
# A quoted local part may hold ">" and spaces, so the path is cut by its quotes first.
# A source route leads to a mailbox: "<@relay:>" is neither a path nor the null one.
_PATH = r'<(?:@[^<>@:"\s]+(?:,@[^<>@:"\s]+)*:(?!>))?((?:"(?:[^"\\]|\\.)*"|[^<>"\s])*)>'
_MAIL = re.compile(rf"MAIL FROM: ?{_PATH}(?: +(.*))?", re.IGNORECASE)
_RCPT = re.compile(rf"RCPT TO: ?{_PATH}(?: +(.*))?", re.IGNORECASE)

#   esmtp-param = esmtp-keyword ["=" esmtp-value]
#   esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
#   esmtp-value = 1*(%d33-60 / %d62-126)
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9\-]*)(?:=([\x21-\x3c\x3e-\x7e]+))?")

#   size-value ::= 1*20DIGIT                                   (RFC 1870 section 3)
_SIZE = re.compile(r"[0-9]{1,20}")

#   bdat-cmd ::= "BDAT" SP chunk-size [ SP end-marker ] CR LF  (RFC 3030 section 2)
#   chunk-size ::= 1*DIGIT                                      end-marker ::= "LAST"
_BDAT = re.compile(r"BDAT +([0-9]{1,20})(?: +(LAST))?", re.IGNORECASE)

_WITHOUT_ARGUMENT: Final = {"DATA": Verb.DATA, "RSET": Verb.RSET, "QUIT": Verb.QUIT, "STARTTLS": Verb.STARTTLS}
_WITH_ANY_ARGUMENT: Final = {"NOOP": Verb.NOOP, "HELP": Verb.HELP, "AUTH": Verb.AUTH}
_NOT_IMPLEMENTED: Final = frozenset({"EXPN", "SEND", "SOML", "SAML", "TURN", "ETRN", "ATRN", "BURL"})
_HTTP: Final = frozenset({"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE", "PRI"})


def parse_command(line: bytes, *, domain: str, smtputf8: bool = False) -> Command:
    """Read one command line.

    Args:
        line: the line without its CRLF.
        domain: ours, for the bare ``<postmaster>`` that RFC 5321 section 4.5.1 wants accepted.
        smtputf8: MAIL of this transaction had the parameter, so that RCPT may be non-ASCII.

    Raises:
        CommandError: with the reply that says what is wrong.
    """
    try:
        text = line.decode("utf-8").rstrip(" \t")
    except UnicodeDecodeError as error:
        raise CommandError(replies.NOT_UTF8) from error
    if _CONTROL.search(text) is not None:
        raise CommandError(replies.NUL_IN_COMMAND if "\x00" in text else replies.CONTROL_IN_COMMAND)
    word, _, argument = text.partition(" ")
    word = word.upper()
    match word:
        case "MAIL":
            return _parse_mail(text)
        case "RCPT":
            return _parse_rcpt(text, domain, smtputf8)
        case "EHLO" | "HELO":
            if _HELLO_ARGUMENT.fullmatch(argument.strip(" ")) is None:
                raise CommandError(replies.BAD_HELO)
            return Hello(Verb[word], argument.strip(" "))
        case "BDAT":
            return _parse_bdat(text)
        case "VRFY":
            if not argument:
                raise CommandError(replies.BAD_VRFY)
            return Plain(Verb.VRFY)
        case _:
            return _parse_plain(word, argument)


def _parse_plain(word: str, argument: str) -> Plain:
    verb = _WITHOUT_ARGUMENT.get(word)
    if verb is not None:
        if argument:
            raise CommandError(replies.NO_ARGUMENT)
        return Plain(verb)
    verb = _WITH_ANY_ARGUMENT.get(word)
    if verb is not None:
        return Plain(verb)
    if word in _NOT_IMPLEMENTED:
        raise CommandError(replies.NOT_IMPLEMENTED)
    if word in _HTTP:
        raise CommandError(replies.HTTP_ON_SMTP, closes=True)
    raise CommandError(replies.UNKNOWN_COMMAND)


def _parse_mail(text: str) -> Mail:
    match = _MAIL.fullmatch(text)
    if match is None:
        raise CommandError(replies.BAD_MAIL)
    address, parameters = match.groups()
    size, body, smtputf8 = _parse_mail_parameters(parameters) if parameters else (None, Body.SEVEN_BIT, False)
    if not address:
        return Mail(NULL_PATH, size, body, smtputf8)
    if not smtputf8 and not text.isascii():
        raise CommandError(replies.NEEDS_SMTPUTF8)
    if len(address) + 2 > PATH_OCTETS:
        raise CommandError(replies.REVERSE_PATH_TOO_LONG)
    try:
        return Mail(parse_mailbox(address), size, body, smtputf8)
    except AddressError as error:
        raise CommandError(replies.BAD_REVERSE_PATH) from error


def _parse_mail_parameters(text: str) -> tuple[int | None, Body, bool]:
    size: int | None = None
    body: Body | None = None
    smtputf8 = False
    for keyword, value in _parameters(text):
        match keyword:
            case "SIZE" if size is None and value is not None and _SIZE.fullmatch(value) is not None:
                size = int(value)
            case "BODY" if body is None and value is not None:
                if value.upper() == "BINARYMIME":
                    raise CommandError(replies.NO_BINARYMIME)
                try:
                    body = Body(value.upper())
                except ValueError as error:
                    raise CommandError(replies.BAD_PARAMETER) from error
            case "SMTPUTF8" if not smtputf8 and value is None:
                smtputf8 = True
            case "SIZE" | "BODY" | "SMTPUTF8":
                raise CommandError(replies.BAD_PARAMETER)
            case _:
                raise CommandError(replies.UNKNOWN_PARAMETER)
    return size, body or Body.SEVEN_BIT, smtputf8


def _parameters(text: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for word in text.split():
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise CommandError(replies.BAD_PARAMETER)
        found.append((match[1].upper(), match[2]))
    return found


def _parse_rcpt(text: str, domain: str, smtputf8: bool) -> Rcpt:
    match = _RCPT.fullmatch(text)
    if match is None:
        raise CommandError(replies.BAD_RCPT)
    address, parameters = match.groups()
    if not smtputf8 and not text.isascii():
        raise CommandError(replies.NEEDS_SMTPUTF8)
    if parameters:
        # We offer no extension with a parameter of RCPT.
        _parameters(parameters)
        raise CommandError(replies.UNKNOWN_PARAMETER)
    if address.lower() == "postmaster":
        return Rcpt(Mailbox(address, domain))
    if len(address) + 2 > PATH_OCTETS:
        raise CommandError(replies.PATH_TOO_LONG)
    try:
        return Rcpt(parse_mailbox(address))
    except AddressError as error:
        raise CommandError(replies.BAD_FORWARD_PATH) from error


def _parse_bdat(text: str) -> Bdat:
    match = _BDAT.fullmatch(text)
    if match is None:
        # Without a size the octets that follow would be read as commands.
        raise CommandError(replies.BAD_CHUNK_SIZE, closes=True)
    return Bdat(int(match[1]), match[2] is not None)
