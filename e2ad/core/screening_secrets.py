"""Outbound: what must not leave a house in a mail: keys, tokens, passwords, cards, and addresses by the dozen.

Keys have shapes that their makers chose so that they can be found. Where a shape has a checksum it decides; else
the number of different characters does, so that `AKIAXXXXXXXXXXXXXXXX` in a manual is no key.
"""

import binascii
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from e2ad.core.screening_material import Signal

__all__ = ["bulk_signals", "secret_signals"]

MANY_ADDRESSES: Final = 40
_MOST_FOUND: Final = 200


@frozen
class _Shape:
    """A kind of secret.

    Attributes:
        hints: one of these is in every text that holds one, in lower case.
        check: of the whole match, how sure it is; 0 for no secret.
    """

    what: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Callable[[str], float]


def _spread(least: float, score: float) -> Callable[[str], float]:
    """As sure as `score` where a character tells so many bits."""

    def judged(text: str) -> float:
        body = text.rpartition("_")[2] if len(text.rpartition("_")[2]) >= 16 else text
        return score if _bits(body) >= least else 0.1

    return judged


def _always(score: float) -> Callable[[str], float]:
    return lambda _: score


def _bits(text: str) -> float:
    counts, whole = Counter(text), len(text)
    return -sum(count / whole * math.log2(count / whole) for count in counts.values())


_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _checksummed(token: str) -> float:
    """Tokens of this kind end in six characters: the CRC-32 of what is before, in base 62."""
    body, digits = token.partition("_")[2][:-6], token[-6:]
    wanted, rest = "", binascii.crc32(body.encode())
    while rest:
        rest, digit = divmod(rest, 62)
        wanted = _BASE62[digit] + wanted
    if wanted.rjust(6, "0") == digits:
        return 0.97
    return 0.7 if _bits(body) >= 3.5 else 0.1


def _card(text: str) -> float:
    digits = "".join(character for character in text if character.isdigit())
    total = sum(
        sum(divmod(int(digit) * 2, 10)) if place % 2 else int(digit) for place, digit in enumerate(reversed(digits))
    )
    if total % 10 or len(set(digits)) < 4:
        return 0.0
    # Numbers that every maker of card machines prints in the manual.
    return 0.1 if digits in _TEST_CARDS else 0.75


_TEST_CARDS: Final = frozenset(
    {"4111111111111111", "4242424242424242", "5555555555554444", "378282246310005", "4012888888881881"}
)


def _written(text: str) -> float:
    """`name = value`: a value that nobody would say aloud."""
    value = re.split(r"[:=]\s*+", text, maxsplit=1)[-1].strip("\"'`,;.")
    if len(value) < 8 or value.lower().strip("*x.<>[]{}$%_-") in _PLACEHOLDERS or value[:1] in "<{[$*%":
        return 0.0
    kinds = sum(any(test(character) for character in value) for test in (str.islower, str.isupper, str.isdigit))
    kinds += any(not character.isalnum() for character in value)
    return 0.6 if kinds >= 3 and _bits(value) >= 2.5 else 0.0


_PLACEHOLDERS: Final = frozenset(
    {
        "",
        "password",
        "changeme",
        "example",
        "secret",
        "your-password",
        "yourpassword",
        "your_password",
        "redacted",
        "none",
    }
)

_PASSWORD_WORDS: Final = (
    *("pass", "kennwort", "contraseña", "senha", "mot de passe", "wachtwoord", "hasło", "пароль", "密码", "パスワード"),
    *("secret", "key", "token"),
)

_SHAPES: Final = (
    _Shape("a key of this service", ("e2a_",), re.compile(r"\be2a_(?:acct_|agt_)?[0-9a-f]{64}\b"), _spread(2.5, 0.97)),
    _Shape(
        "a token of this service",
        (
            "whsec_",
            "te2a_",
        ),
        re.compile(r"\b(?:whsec_[0-9a-f]{64}|[ar]te2a_[\w-]{20,200})\b"),
        _spread(2.5, 0.97),
    ),
    _Shape(
        "a private key",
        ("private key",),
        re.compile(r"-----BEGIN (?:[A-Z]{2,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----\s*+[A-Za-z0-9+/=\s:.,-]{40}"),
        _always(0.97),
    ),
    _Shape(
        "an AWS key",
        (
            "akia",
            "asia",
        ),
        re.compile(r"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b"),
        _spread(3.0, 0.9),
    ),
    _Shape(
        "a GitHub token",
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "npm_"),
        re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b|\bnpm_[A-Za-z0-9]{36}\b"),
        _checksummed,
    ),
    _Shape(
        "a GitHub token",
        ("github_pat",),
        re.compile(r"\bgithub_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}\b"),
        _spread(3.5, 0.95),
    ),
    _Shape(
        "a GitLab token",
        (
            "glpat",
            "glptt",
            "glrt",
        ),
        re.compile(r"\bgl(?:pat|ptt|rt)-[A-Za-z0-9_-]{20,60}\b"),
        _spread(3.0, 0.9),
    ),
    _Shape("a Slack token", ("xox",), re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{20,200}"), _spread(3.0, 0.9)),
    _Shape(
        "a Slack webhook",
        ("hooks.slack",),
        re.compile(r"hooks\.slack\.com/services/T\w{6,14}/B\w{6,14}/\w{16,40}"),
        _spread(3.0, 0.85),
    ),
    _Shape("a Stripe key", ("k_live_",), re.compile(r"\b[sr]k_live_[A-Za-z0-9]{20,200}\b"), _spread(3.0, 0.95)),
    _Shape(
        "a key of a model's maker",
        ("sk-",),
        re.compile(r"\bsk-(?:ant-|proj-|or-|svcacct-)?[A-Za-z0-9_-]{32,250}"),
        _spread(3.5, 0.9),
    ),
    _Shape("a Google key", ("aiza",), re.compile(r"\bAIza[0-9A-Za-z_-]{35}"), _spread(3.5, 0.9)),
    _Shape("a SendGrid key", ("sg.",), re.compile(r"\bSG\.[\w-]{16,32}\.[\w-]{32,64}"), _spread(3.5, 0.9)),
    _Shape("a PyPI token", ("pypi-",), re.compile(r"\bpypi-AgE[\w-]{50,500}"), _always(0.9)),
    _Shape("a Telegram token", (":aa",), re.compile(r"\b\d{8,10}:AA[\w-]{33}\b"), _spread(3.5, 0.85)),
    _Shape(
        "a token", ("eyj",), re.compile(r"\beyJ[\w-]{10,4000}\.eyJ[\w-]{10,4000}\.[\w-]{16,1000}"), _spread(3.5, 0.75)
    ),
    _Shape(
        "an address with a password",
        ("://",),
        re.compile(
            r"\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|redis|amqps?|smtps?|https?|ftp)://"
            r"[^\s:/@]{1,60}:([^\s:/@]{4,80})@[\w.-]{1,200}"
        ),
        lambda text: 0.1 if re.search(r":(?:pass|password|secret|\*+|x+|changeme|<[^>]*+>)@", text, re.I) else 0.8,
    ),
    _Shape(
        "a password",
        _PASSWORD_WORDS,
        re.compile(
            r"(?:pass(?:word|wd|phrase)?|passwort|kennwort|contraseña|senha|mot de passe|wachtwoord|hasło|пароль|密码"
            r"|パスワード|secret|api[_ -]?key|access[_ -]?key|auth[_ -]?token|secret[_ -]?key|client[_ -]?secret)"
            r"[\"'`]?(?: is| lautet| est| es)?\s{0,3}[:=]\s{0,3}[\"'`]?[^\s\"'`]{8,200}",
            re.IGNORECASE,
        ),
        _written,
    ),
    _Shape(
        "a payment card",
        ("",),
        re.compile(
            r"(?<![\d-])(?:4\d{3}|5[1-5]\d{2}|2[2-7]\d{2}|6011|65\d{2})(?:([ -])\d{4}\1\d{4}\1\d{4}|\d{12})(?![\d-])"
            r"|(?<![\d-])3[47]\d{2}([ -]?)\d{6}\2\d{5}(?![\d-])"
        ),
        _card,
    ),
)
_ADDRESS: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}\.[\w.-]{2,60}")


def secret_signals(text: str) -> Iterator[Signal]:
    """Secrets in a text that is about to leave. The excerpt never shows more than its beginning."""
    lower = text.lower()
    for shape in _SHAPES:
        if not any(hint in lower for hint in shape.hints):
            continue
        best, shown, count = 0.0, "", 0
        for number, found in enumerate(shape.pattern.finditer(text)):
            if number >= _MOST_FOUND:
                break
            sure = shape.check(found[0])
            count += sure > 0.3
            if sure > best:
                best, shown = sure, found[0]
        if best:
            more = f" ({count} of them)" if count > 1 else ""
            yield Signal("secret", best, f"the mail holds {shape.what}{more}", _masked(shown))


def _masked(secret: str) -> str:
    return f"{secret[: min(8, len(secret) // 4)]}… ({len(secret)} characters)"


def bulk_signals(text: str) -> Iterator[Signal]:
    """A list of people in a text that is about to leave."""
    addresses = {address.lower() for address in _ADDRESS.findall(text)} if "@" in text else set()
    if len(addresses) >= MANY_ADDRESSES:
        score = 0.5 if len(addresses) < 4 * MANY_ADDRESSES else 0.7
        yield Signal("bulk_addresses", score, f"the mail holds {len(addresses)} mail addresses")
