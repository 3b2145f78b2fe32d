"""Replies (RFC 5321 section 4.2, enhanced status codes of RFC 3463): every one that we send has a name here.

Peers read the table's text; what really happened goes to the log. A failure keeps its class: what
may work later is 4yz and what never will is 5yz, in both codes, or the reply cannot be built.
"""

from typing import Final

from attrs import field, frozen

from e2ad.core.errors import Failure, answer

__all__ = ["Reply", "reply_for"]

# RFC 5321 section 4.5.3.1.5: a reply line has at most 512 octets with code and CRLF.
LINE_OCTETS: Final = 512


@frozen(init=False)
class Reply:
    """One reply, of one or more lines.

    Args:
        code: the three digits.
        enhanced: the enhanced status code, of the same class as `code`; None where RFC 2034
            forbids one: greeting, EHLO, HELO and 3yz.
        lines: printable ASCII, short enough for the 512 octets of a reply line.

    Raises:
        ValueError: the two codes disagree, or a line cannot be sent as it is.
    """

    code: int
    enhanced: str | None
    lines: tuple[str, ...]
    _wire: bytes = field(eq=False, repr=False)

    def __init__(self, code: int, enhanced: str | None, *lines: str) -> None:
        if not 200 <= code <= 599:
            raise ValueError(f"{code} is no reply code")
        if enhanced is not None and (enhanced[:2] != f"{code // 100}." or code // 100 == 3):
            raise ValueError(f"reply code {code} and enhanced status code {enhanced} are of different classes")
        if not lines:
            raise ValueError("a reply has at least one line")
        prefix = "" if enhanced is None else f"{enhanced} "
        for line in lines:
            if not (line.isascii() and line.isprintable()):
                raise ValueError("a reply line is printable ASCII")
            if len(prefix) + len(line) + 6 > LINE_OCTETS:
                raise ValueError(f"a reply line has at most {LINE_OCTETS} octets")
        text = "".join(f"{code}-{prefix}{line}\r\n" for line in lines[:-1]) + f"{code} {prefix}{lines[-1]}\r\n"
        self.__attrs_init__(code, enhanced, lines, text.encode("ascii"))

    @property
    def positive(self) -> bool:
        """Did we take it? (2yz and 3yz)"""
        return self.code < 400

    def to_bytes(self) -> bytes:
        """The reply as it goes onto the wire."""
        return self._wire


def reply_for(error: BaseException) -> Reply:
    """What the peer is told about `error`. Whatever is no `Failure` is our own accident: 451 4.3.0.

    A group that holds only failures speaks with the voice of its first, since a nursery inside the
    receiver wraps what its tasks raise.
    """
    row = answer(_only_failure(error)).smtp
    return Reply(row.code, row.enhanced, row.text)


def _only_failure(error: BaseException) -> BaseException:
    if not isinstance(error, BaseExceptionGroup):
        return error
    members = [_only_failure(member) for member in error.exceptions]
    return members[0] if all(isinstance(member, Failure) for member in members) else error


# The session
GREETING_TEXT: Final = "ESMTP Service Ready"
BYE: Final = Reply(221, "2.0.0", "Bye")
READY_FOR_TLS: Final = Reply(220, "2.0.0", "Ready to start TLS")
RESET_DONE: Final = Reply(250, "2.0.0", "OK, nothing is pending")
NOOP_DONE: Final = Reply(250, "2.0.0", "OK")
CANNOT_VERIFY: Final = Reply(252, "2.5.0", "Cannot verify, but will take mail for it if RCPT does")
HELP: Final = Reply(214, "2.0.0", "See RFC 5321: EHLO, MAIL, RCPT, DATA, BDAT, RSET, NOOP, QUIT, STARTTLS")

# The transaction
SENDER_OK: Final = Reply(250, "2.1.0", "OK")
RECIPIENT_OK: Final = Reply(250, "2.1.5", "OK")
START_CONTENT: Final = Reply(354, None, "End data with <CR><LF>.<CR><LF>")
CHUNK_OK: Final = Reply(250, "2.0.0", "OK, chunk received")

# Refused for the sequence of commands (503) or for what we do not do
SAY_EHLO_FIRST: Final = Reply(503, "5.5.1", "Introduce yourself with EHLO first")
MAIL_FIRST: Final = Reply(503, "5.5.1", "MAIL FROM first")
RECIPIENT_FIRST: Final = Reply(503, "5.5.1", "No recipient was accepted: RCPT TO first")
NESTED_MAIL: Final = Reply(503, "5.5.1", "A mail transaction is open already: RSET first")
CHUNKING_BEGUN: Final = Reply(503, "5.5.1", "BDAT has begun: only BDAT or RSET can follow")
CHUNKING_FAILED: Final = Reply(503, "5.5.1", "An earlier chunk was refused: RSET first")
STARTTLS_IN_TRANSACTION: Final = Reply(503, "5.5.1", "STARTTLS is not possible inside a mail transaction")
ALREADY_TLS: Final = Reply(503, "5.5.1", "TLS is active already")
NO_TLS: Final = Reply(502, "5.5.1", "STARTTLS is not offered here")
TLS_UNAVAILABLE: Final = Reply(454, "4.7.0", "TLS is not available for a temporary reason")
NO_AUTH: Final = Reply(504, "5.7.4", "AUTH is not offered here")
NOT_IMPLEMENTED: Final = Reply(502, "5.5.1", "Command not implemented")
UNKNOWN_COMMAND: Final = Reply(500, "5.5.2", "Command not recognized")

# Refused for their syntax
NUL_IN_COMMAND: Final = Reply(500, "5.5.2", "NUL in a command")
CONTROL_IN_COMMAND: Final = Reply(500, "5.5.2", "Control character in a command: bare CR or the like")
NOT_UTF8: Final = Reply(500, "5.5.2", "The command is not UTF-8")
BAD_HELO: Final = Reply(501, "5.5.4", "Syntax: EHLO or HELO, then one domain or address literal")
NO_ARGUMENT: Final = Reply(501, "5.5.4", "The command takes no argument")
BAD_MAIL: Final = Reply(501, "5.5.4", "Syntax: MAIL FROM:<address> with optional parameters")
BAD_RCPT: Final = Reply(501, "5.5.4", "Syntax: RCPT TO:<address>")
BAD_VRFY: Final = Reply(501, "5.5.4", "Syntax: VRFY, then one string")
BAD_REVERSE_PATH: Final = Reply(501, "5.1.7", "Bad sender address syntax")
BAD_FORWARD_PATH: Final = Reply(501, "5.1.3", "Bad recipient address syntax")
PATH_TOO_LONG: Final = Reply(501, "5.1.3", "The address is longer than RFC 5321 allows")
REVERSE_PATH_TOO_LONG: Final = Reply(501, "5.1.7", "The address is longer than RFC 5321 allows")
NEEDS_SMTPUTF8: Final = Reply(553, "5.6.7", "A non-ASCII address needs the SMTPUTF8 parameter of MAIL")
BAD_PARAMETER: Final = Reply(501, "5.5.4", "A parameter is malformed or given twice")
UNKNOWN_PARAMETER: Final = Reply(555, "5.5.4", "A parameter is not recognized or not implemented")
NO_BINARYMIME: Final = Reply(504, "5.5.4", "BODY=BINARYMIME is not implemented")

# Limits
TOO_MANY_RECIPIENTS: Final = Reply(452, "4.5.3", "Too many recipients in this transaction")
MESSAGE_TOO_BIG: Final = Reply(552, "5.3.4", "Message size exceeds the limit")
HEADER_TOO_BIG: Final = Reply(552, "5.3.4", "The header section exceeds the limit")
OUT_OF_MEMORY: Final = Reply(451, "4.3.1", "Too much mail at once, try again later")

# Content that is refused; the transaction is over, the session is not
BARE_LF: Final = Reply(554, "5.6.0", "Bare LF in the content: lines must end with CR LF")
BARE_CR: Final = Reply(554, "5.6.0", "Bare CR in the content: lines must end with CR LF")
CONTENT_LINE_TOO_LONG: Final = Reply(554, "5.6.0", "A content line is too long")

# With these the connection ends
BARE_LF_IN_COMMAND: Final = Reply(500, "5.5.2", "Bare LF: commands must end with CR LF; closing")
COMMAND_TOO_LONG: Final = Reply(500, "5.5.2", "Command line too long; closing")
BAD_CHUNK_SIZE: Final = Reply(501, "5.5.4", "Syntax: BDAT size, then optional LAST; closing")
HTTP_ON_SMTP: Final = Reply(554, "5.5.1", "This is SMTP, not HTTP; closing")
TLS_ON_PLAIN: Final = Reply(554, "5.5.1", "TLS begins with STARTTLS here; closing")
EARLY_TALKER: Final = Reply(554, "5.5.1", "You spoke before the greeting; closing")
BYTES_BEHIND_STARTTLS: Final = Reply(554, "5.5.1", "Bytes behind STARTTLS; closing")
TOO_MANY_ERRORS: Final = Reply(421, "4.7.0", "Too many errors; closing")
TOO_MANY_IDLE_COMMANDS: Final = Reply(421, "4.7.0", "Too many commands without mail; closing")
TOO_MANY_CONNECTIONS: Final = Reply(421, "4.3.2", "Too many connections, try again later")
TOO_MANY_FROM_PEER: Final = Reply(421, "4.7.0", "Too many connections from your address, try again later")
PROXY_HEADER_EXPECTED: Final = Reply(421, "4.3.0", "PROXY header expected")
IDLE_TIMEOUT: Final = Reply(421, "4.4.2", "Idle timeout; closing")
SESSION_TIMEOUT: Final = Reply(421, "4.4.2", "The session took too long; closing")
CONTENT_TOO_SLOW: Final = Reply(421, "4.4.2", "The content came too slowly; closing")
SHUTTING_DOWN: Final = Reply(421, "4.3.2", "The service is going down, try again later")
INTERNAL_ERROR: Final = Reply(421, "4.3.0", "Internal error; closing, try again later")
