"""Writes the models and bodies of the Python client from the OpenAPI document.

    python -m tests.generate.python_client

A test holds the files equal to what this makes, so that the client cannot lag behind the server.
"""

import json
import keyword
import re
import subprocess
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import field, frozen

from e2ad.api.app import OPERATIONS
from e2ad.api.openapi import document

ROOT: Final = Path(__file__).parents[2]
SDK: Final = ROOT / "e2ad" / "sdk"
WIDTH: Final = 120

TOPICS: Final[Mapping[str, str]] = {
    "messages": "mail: its parts, the evidence about its sender, what became of it",
    "metrics": "counts and rates",
    "exported_mail": "mail of an account that is taken along, and what became of it",
    "export": "all data of an account, as it is taken along",
    "agents": "agents, their protection, and whom they do not write to",
    "conversations": "threads",
    "contacts": "contacts, and how an agent stands with each",
    "reviews": "mail that waits for a person",
    "domains": "domains and the DNS records that they need",
    "templates": "templates and starters",
    "webhooks": "webhooks and their deliveries",
    "events": "what has happened",
    "account": "the account, its keys and the programs that were let in",
    "meta": "the deployment",
}
"""Topic and what its page says. What several topics share belongs to the first."""

EXPORTED_MAIL: Final = frozenset(
    {
        "CorrespondentExportEntry",
        "DeliveryExportEntry",
        "Message",
        "RecipientExportEntry",
        "ReviewExportEntry",
        "SenderEvidenceExportEntry",
        "TransitionExportEntry",
    }
)

SECRET: Final = frozenset({"key", "signing_secret"})
"""What no log is to have."""

REF: Final = re.compile(r"#/components/schemas/(\w+)")


@frozen
class Schema:
    """A named schema; the operations' tags decide where it belongs."""

    name: str
    content: Mapping[str, Any]
    topic: str
    needs: frozenset[str]


@frozen
class Document:
    """What the generator reads of the document."""

    schemas: Mapping[str, Mapping[str, Any]]
    answers: Mapping[str, set[str]] = field(factory=lambda: defaultdict(set))
    requests: Mapping[str, set[str]] = field(factory=lambda: defaultdict(set))

    @classmethod
    def read(cls) -> "Document":
        """The document of this tree."""
        whole = document(OPERATIONS)
        found = cls(whole["components"]["schemas"])
        for methods in whole["paths"].values():
            for one in methods.values():
                tag = one["tags"][0]
                for name in found.closure(refs(one.get("requestBody", {}))):
                    found.requests[name].add(tag)
                successes = [answer for status, answer in one["responses"].items() if status.startswith("2")]
                for name in found.closure(refs(successes)):
                    found.answers[name].add(tag)
        return found

    def closure(self, names: Iterable[str]) -> set[str]:
        """`names` and all that they mention."""
        seen: set[str] = set()
        left = list(names)
        while left:
            if (name := left.pop()) not in seen:
                seen.add(name)
                left += refs(self.schemas[name])
        return seen

    def models(self) -> list[Schema]:
        """What answers are made of; pages are a type of their own."""
        exported = self.closure({"UserExport"})
        counted = {name for name in self.answers if "Metrics" in name}
        found = []
        for name, tags in self.answers.items():
            if name.startswith("Page"):
                continue
            topic = first(tags)
            if topic == "account" and name in exported:
                topic = "exported_mail" if name in EXPORTED_MAIL else "export"
            if name in counted:
                topic = "metrics"
            found.append(Schema(name, self.schemas[name], topic, frozenset(refs(self.schemas[name]))))
        return found

    def bodies(self) -> list[Schema]:
        """What requests are made of."""
        return [
            Schema(name, self.schemas[name], first(tags), frozenset(refs(self.schemas[name])))
            for name, tags in self.requests.items()
        ]


def refs(content: Any) -> set[str]:
    """The schemas that a part of the document names."""
    return set(REF.findall(json.dumps(content)))


def first(tags: set[str]) -> str:
    """Where something belongs that is used under `tags`."""
    return next(topic for topic in TOPICS if topic in tags)


def in_order(schemas: Sequence[Schema]) -> list[Schema]:
    """Each after what it needs; else by name."""
    left = {one.name: one for one in sorted(schemas, key=lambda one: one.name)}
    done: list[Schema] = []
    while left:
        ready = next(one for one in left.values() if not (one.needs - {one.name}) & left.keys())
        done.append(left.pop(ready.name))
    return done


# Types


def model_type(content: Mapping[str, Any]) -> str:
    """The Python type of what the server answers. Closed lists are left open: tomorrow's server may know more."""
    return _type(content, enums=False, given=False)


def body_type(content: Mapping[str, Any]) -> str:
    """The Python type of what a caller may give."""
    return _type(content, enums=True, given=True)


def _type(content: Mapping[str, Any], *, enums: bool, given: bool) -> str:
    if ref := content.get("$ref"):
        return str(ref).rpartition("/")[2]
    if choices := content.get("anyOf"):
        return " | ".join(dict.fromkeys(_type(one, enums=enums, given=given) for one in choices))
    if values := content.get("enum"):
        return f"Literal[{', '.join(json.dumps(value) for value in values)}]" if enums else "str"
    kinds = content.get("type", "any")
    return " | ".join(
        _simple(kind, content, enums=enums, given=given) for kind in (kinds if isinstance(kinds, list) else [kinds])
    )


def _simple(kind: str, content: Mapping[str, Any], *, enums: bool, given: bool) -> str:
    if kind == "string" and content.get("format") == "date-time":
        return "datetime | str" if given else "datetime"
    if kind == "string" and given and "base64" in content.get("description", ""):
        return "bytes | str"
    if kind == "array":
        return f"list[{_type(content.get('items', {}), enums=enums, given=given)}]"
    if kind == "object":
        inner = content.get("additionalProperties")
        return f"dict[str, {_type(inner, enums=enums, given=given) if isinstance(inner, dict) else 'Any'}]"
    return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None", "any": "Any"}[kind]


# Text


def prose(text: str, indent: str) -> list[str]:
    """A docstring."""
    paragraphs = [" ".join(part.split()) for part in text.replace("\\", "\\\\").split("\n\n")]
    paragraphs[0] = paragraphs[0][0].upper() + paragraphs[0][1:]
    if paragraphs[-1][-1] not in ".!?":
        paragraphs[-1] += "."
    whole = f'{indent}"""{paragraphs[0]}"""'
    if len(paragraphs) == 1 and len(whole) <= WIDTH:
        return [whole]
    first_line, *others = textwrap.wrap(paragraphs[0], WIDTH - len(indent) - 3)
    lines = [f'{indent}"""{first_line}', *(indent + line for line in others)]
    for paragraph in paragraphs[1:]:
        lines += ["", *textwrap.wrap(paragraph, WIDTH, initial_indent=indent, subsequent_indent=indent)]
    return [*lines, f'{indent}"""']


def member(name: str, kind: str, content: Mapping[str, Any], rest: str = "") -> list[str]:
    """One member of a class, with what the document says of it."""
    if keyword.iskeyword(name) or not name.isidentifier():
        raise ValueError(f"{name!r} cannot be the name of a member")
    told = content.get("description") or content.get("items", {}).get("description")
    return [f"    {name}: {kind}{rest}", *(prose(told, "    ") if told else [])]


def model(one: Schema) -> list[str]:
    """An attrs class. Its members have names only, so that a new one may stand anywhere."""
    required = one.content.get("required", [])
    lines = ["@frozen(kw_only=True)", f"class {one.name}:", *prose(one.content["description"], "    "), ""]
    properties = one.content["properties"]
    for name in properties:
        kind = model_type(properties[name])
        if name in required:
            lines += member(name, kind, properties[name], " = field(repr=False)" if name in SECRET else "")
        else:
            optional = kind if kind.endswith("None") or kind == "Any" else f"{kind} | None"
            lines += member(name, optional, properties[name], " = None")
    return lines


def body(one: Schema) -> list[str]:
    """A TypedDict."""
    required = one.content.get("required", [])
    lines = [f"class {one.name}(TypedDict):", *prose(one.content["description"], "    "), ""]
    for name, content in one.content["properties"].items():
        kind = body_type(content)
        lines += member(name, kind if name in required else f"NotRequired[{kind}]", content)
    return lines


def module(page: str, schemas: Sequence[Schema], spell: Any, homes: Mapping[str, str], room: str) -> str:
    """One file."""
    classes = [spell(one) for one in in_order(schemas)]
    text = "\n".join(line for lines in classes for line in lines if not line.lstrip().startswith('"""'))
    lines = [f'"""{page[0].upper()}{page[1:]}."""', ""]
    if "datetime" in text:
        lines.append("from datetime import datetime")
    typing = [name for name in ("Any", "Literal", "NotRequired", "TypedDict") if re.search(rf"\b{name}\b", text)]
    if typing:
        lines.append(f"from typing import {', '.join(typing)}")
    if lines[-1]:
        lines.append("")
    if "@frozen" in text:
        lines += [f"from attrs import {'field, ' if '= field(' in text else ''}frozen", ""]
    here = {one.name for one in schemas}
    foreign = defaultdict(list)
    for name in sorted({need for one in schemas for need in one.needs} - here):
        foreign[homes[name]].append(name)
    for home in sorted(foreign):
        lines.append(f"from e2ad.sdk.{room}.{home} import {', '.join(sorted(foreign[home], key=str.lower))}")
    if foreign:
        lines.append("")
    lines.append(f"__all__ = {json.dumps(sorted(here))}")
    for one in classes:
        lines += ["", "", *one]
    return "\n".join(lines) + "\n"


MODELS_PAGE: Final = '''"""What the API answers, typed: made from the OpenAPI document, never by hand.

{topics}

Rules. Members that the API may leave out are None then; members that a later server adds are ignored. A list of
allowed texts is left open here: a server may know more of them than this client. Times are aware.

What may go wrong. An answer that lacks a member, or has one of another type, is `E2AServerError` with the code
`invalid_response`.
"""
'''

BODIES_PAGE: Final = '''"""What the API takes, typed: made from the OpenAPI document, never by hand.

{topics}

Rules. A body is a plain dict: these types are for type checkers and editors. Times may be `datetime`, and the
content of an attachment `bytes`.

What may go wrong. The server says what is wrong with a body: `E2AValidationError`, with a line for each member.
"""
'''


def package(page: str, room: str, schemas: Sequence[Schema], spell: Any) -> dict[str, str]:
    """The files of a package, by name. It loads a topic when a name of it is first wanted."""
    homes = {one.name: one.topic for one in schemas}
    topics = sorted(set(homes.values()))
    files = {}
    for topic in topics:
        files[f"{topic}.py"] = module(TOPICS[topic], [one for one in schemas if one.topic == topic], spell, homes, room)
    listed = "\n".join(f"- `{topic}`: {TOPICS[topic]}" for topic in topics)
    lines = [page.format(topics=listed), "from importlib import import_module"]
    lines += ["from typing import TYPE_CHECKING, Any, Final", "", "if TYPE_CHECKING:"]
    for topic in topics:
        names = sorted((name for name, home in homes.items() if home == topic), key=str.lower)
        lines.append(f"    from e2ad.sdk.{room}.{topic} import {', '.join(names)}")
    lines += ["", f"__all__ = {json.dumps(sorted(homes))}", ""]
    lines += [f"_HOMES: Final = {json.dumps(dict(sorted(homes.items())))}", "", ""]
    lines += [
        "def __getattr__(name: str) -> Any:",
        "    if name not in _HOMES:",
        '        raise AttributeError(f"there is no {name} here")',
        '    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)',
    ]
    files["__init__.py"] = "\n".join(lines) + "\n"
    return files


def write(directory: Path) -> list[Path]:
    """Write every generated file under `directory`, formatted like the rest of the tree."""
    found = Document.read()
    rooms = {
        "models": package(MODELS_PAGE, "models", found.models(), model),
        "bodies": package(BODIES_PAGE, "bodies", found.bodies(), body),
    }
    written = []
    for room, files in rooms.items():
        (directory / room).mkdir(exist_ok=True)
        for name, text in files.items():
            written.append(directory / room / name)
            written[-1].write_text(text)
    tool = [sys.executable, "-m", "ruff", "format", "--quiet", "--config", str(ROOT / "pyproject.toml")]
    subprocess.run([*tool, *map(str, written)], check=True)
    return written


def main() -> None:
    """Write them into the package, and take away what is no longer made."""
    written = write(SDK)
    for path in {path for one in written for path in one.parent.glob("*.py")} - set(written):
        path.unlink()


if __name__ == "__main__":
    main()
