"""The corpus of screening: mails in a short notation, hostile and honest, each in two parts.

`dev` is what detectors may be tuned on; `held` was written before and is only measured. A mail begins with
`=== id category language`; a few fields may follow, then the text, and after `--- html` the HTML. `\\u{…}` is a
character by its number, `{{…}}` makes what nobody wants to write down, secrets among it, from the mail's id.
"""

import base64
import binascii
import codecs
import random
import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from e2ad.core.html_text import html_to_text
from e2ad.core.screening import Material

CORPUS = Path(__file__).parent / "corpus"
PARTS = ("dev", "held")
_FIELD = re.compile(r"(From|Subject|Direction|Lookalike|Continuity|Attachments): (.*)")
_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ALPHABETS = {
    "hex": "0123456789abcdef",
    "b62": _BASE62,
    "b32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "dig": "0123456789",
}


@frozen
class Mail:
    """One mail of the corpus."""

    id: str
    hostile: bool
    category: str
    language: str
    material: Material


def load(part: str) -> list[Mail]:
    """All mails of a part, hostile ones first."""
    return [*_read("hostile", part), *_read("honest", part)]


def _read(kind: str, part: str) -> Iterator[Mail]:
    source = (CORPUS / f"{kind}_{part}.txt").read_text()
    for block in re.split(r"^=== ", source, flags=re.MULTILINE)[1:]:
        head, _, rest = block.partition("\n")
        identity, category, language = head.split()
        made = _written(rest.removesuffix("\n"), random.Random(identity))
        yield Mail(identity, kind == "hostile", category, language, _material(made))


def _material(text: str) -> Material:
    fields = {"From": "Sam Doe <sam@mailer.example>", "Subject": "", "Direction": "inbound"}
    while (field := _FIELD.match(text)) is not None:
        fields[field[1]] = field[2]
        text = text[field.end() + 1 :]
    plain, divider, page = f"\n{text}".partition("\n--- html\n")
    plain = plain.removeprefix("\n")
    name, _, address = fields["From"].rpartition(" <")
    return Material(
        direction="outbound" if fields["Direction"] == "outbound" else "inbound",
        subject=fields["Subject"],
        sender_name=name.strip('"'),
        header_from=address.removesuffix(">") if name else fields["From"],
        text=plain if plain.strip() or not divider else html_to_text(page).text,
        html=page if divider else None,
        attachments=tuple(fields["Attachments"].split(", ")) if "Attachments" in fields else (),
        lookalike_of=fields.get("Lookalike"),
        continuity="new" if fields.get("Continuity") == "new" else None,
    )


def _written(text: str, chance: random.Random) -> str:
    text = re.sub(r"\\u\{([0-9a-f]+)\}", lambda found: chr(int(found[1], 16)), text)
    return re.sub(r"\{\{([a-z0-9]+)(?::([^{}]*))?\}\}", lambda found: _make(found[1], found[2] or "", chance), text)


def _make(what: str, argument: str, chance: random.Random) -> str:
    octets = argument.encode()
    match what:
        case "tags":
            return "".join(chr(0xE0000 + ord(character)) for character in argument)
        case "vs":
            return "".join(chr(0xE0100 + octet - 16) for octet in octets)
        case "zw":
            bits = "".join(f"{octet:08b}" for octet in octets)
            return "".join("\u200b" if bit == "0" else "\u200c" for bit in bits)
        case "b64":
            return base64.b64encode(octets).decode()
        case "b64w":
            return base64.encodebytes(octets).decode()
        case "hex":
            return octets.hex()
        case "bin":
            return " ".join(f"{octet:08b}" for octet in octets)
        case "ent":
            return "".join(f"&#{ord(character)};" for character in argument)
        case "rot13":
            return codecs.encode(argument, "rot13")
        case "gh":
            body = "".join(chance.choices(_BASE62, k=30))
            return f"ghp_{body}{_checksum(body)}"
        case "people":
            return "\n".join(f"Person {n} <person{n}@firm{n % 7}.example>" for n in range(int(argument)))
        case "rand":
            return _random(argument, chance)
    raise ValueError(what)


def _random(argument: str, chance: random.Random) -> str:
    kind, _, size = argument.partition(":")
    if kind == "b64":
        return base64.b64encode(chance.randbytes(int(size) * 3 // 4)).decode()
    if kind == "b64lines":
        return base64.encodebytes(chance.randbytes(int(size))).decode().rstrip()
    return "".join(chance.choices(_ALPHABETS[kind], k=int(size)))


def _checksum(body: str) -> str:
    digits, rest = "", binascii.crc32(body.encode())
    while rest:
        rest, digit = divmod(rest, 62)
        digits = _BASE62[digit] + digits
    return digits.rjust(6, "0")
