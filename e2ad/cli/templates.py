"""`e2a templates`: texts with gaps, tried before they are kept, and the starters that come with the deployment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.text import Text

from e2ad.cli.context import EX_PERMANENT, Column, Context, command, given, plain, together
from e2ad.cli.files import FILE, read_text, text_of
from e2ad.cli.frame import Group
from e2ad.cli.options import limit_option, yes_option
from e2ad.cli.several import each
from e2ad.cli.webhooks import data_of

__all__ = ["templates"]

FIELDS: Final[tuple[str | Column, ...]] = (
    "id", "alias", "name", "subject", ("starter", "from_starter_alias"), "created_at", "updated_at"
)  # fmt: skip
PARTS: Final = ("subject", "text", "html")

_which = click.argument("template_id", metavar="TEMPLATE")
_part_option = click.option("--part", type=click.Choice(PARTS), help="Only this source, as it is: to be edited.")
_source_options = together(
    click.option("--subject", help="The subject; {{name}} is a gap."),
    click.option("--text", help="The text; - reads it from standard input."),
    click.option("--text-file", type=FILE, metavar="FILE", help="The text, from a file."),
    click.option("--html-file", type=FILE, metavar="FILE", help="An HTML part; {{name}} is filled in escaped."),
)
_name_options = together(
    click.option("--name", help="What it is called among your templates."),
    click.option("--alias", help="A name of your own to send it by."),
)


@click.group(cls=Group)
def templates() -> None:
    """Texts with gaps, for mail that is written often.

    \b
    e2a templates validate --subject 'Hi {{name}}' --text-file hi.txt --data '{"name": "Ada"}'
    e2a templates create --name Hi --alias hi --subject 'Hi {{name}}' --text-file hi.txt
    """


@templates.command("list")
@limit_option()
@command
def templates_list(context: Context, limit: int) -> None:
    """All templates of the account.

    \b
    e2a templates list
    """
    context.rows(
        context.plain.templates.list().to_list(limit),
        [("id", "id"), ("alias", "alias"), ("name", "name"), ("subject", "subject")],
        "no templates yet; copy one of: e2a templates starters list",
    )


@templates.command("get")
@_which
@_part_option
@command
def templates_get(context: Context, template_id: str, part: str | None) -> None:
    """One template with its sources.

    \b
    e2a templates get tmpl_0123456789abcdef0123456789abcdef --part html > hi.html
    """
    found = context.plain.templates.get(template_id)
    if part is None:
        context.one(found, FIELDS)
    _sources(context, found, part)


@templates.command("create")
@_name_options
@_source_options
@click.option("--from-starter", metavar="ALIAS", help="Copy a starter; see: e2a templates starters list.")
@command
def templates_create(context: Context, /, from_starter: str | None, **options: Any) -> None:
    """Keep a template: a name, a subject and a text, or a copy of a starter.

    \b
    e2a templates create --name Hi --subject 'Hi {{name}}' --text 'Hello {{name}}!' --html-file hi.html
    e2a templates create --from-starter welcome --alias welcome
    """
    body = _body(options) | given(from_starter=from_starter)
    if not body:
        raise click.UsageError("what is in it? give --name, --subject and --text, or --from-starter")
    made = context.plain.templates.create(body)
    context.one(made, FIELDS, f"made {made['id']}")


@templates.command("update")
@_which
@_name_options
@_source_options
@click.option("--no-html", is_flag=True, help="Take the HTML part away.")
@click.option("--no-alias", is_flag=True, help="Take the alias away.")
@command
def templates_update(context: Context, /, template_id: str, no_html: bool, no_alias: bool, **options: Any) -> None:
    """Change a template; what is not given stays.

    \b
    e2a templates update tmpl_0123456789abcdef0123456789abcdef --text-file hi.txt
    """
    patch = _body(options)
    for name, gone in (("html", no_html), ("alias", no_alias)):
        if gone and name in patch:
            raise click.UsageError(f"give the {name}, or --no-{name}")
        if gone:
            patch[name] = ""
    if not patch:
        raise click.UsageError("nothing to change; see: e2a templates update --help")
    context.one(context.plain.templates.update(template_id, patch), FIELDS, f"changed {template_id}")


@templates.command("delete")
@click.argument("template_ids", metavar="TEMPLATE...", nargs=-1, required=True)
@yes_option
@command
def templates_delete(context: Context, template_ids: Sequence[str], yes: bool) -> None:
    """Remove templates.

    \b
    e2a templates delete tmpl_0123456789abcdef0123456789abcdef --yes
    """
    context.confirm(f"Remove {', '.join(template_ids)}?", yes=yes)
    each(context, template_ids, context.plain.templates.delete, lambda gone: f"removed {gone['id']}", "removed")


@templates.command("validate")
@click.argument("template_id", metavar="[TEMPLATE]", required=False)
@_source_options
@click.option("--data", metavar="JSON", help="What goes into the gaps: JSON, @FILE, or - for standard input.")
@command
def templates_validate(context: Context, /, template_id: str | None, data: str | None, **options: Any) -> None:
    """Try sources, or a TEMPLATE with some of them changed, and see what would be written. Nothing is kept.

    Ends with 5 if something is wrong with them.

    \b
    e2a templates validate --subject 'Hi {{name}}' --text-file hi.txt --data '{"name": "Ada"}'
    e2a templates validate tmpl_0123456789abcdef0123456789abcdef --data @ada.json
    """
    if data == "-" and (options["text"] == "-" or Path("-") in (options["text_file"], options["html_file"])):
        raise click.UsageError("standard input can be read once: for a source, or for --data")
    body = {name: value for name, value in _body(options).items() if name in PARTS}
    if template_id is not None:
        stored = context.plain.templates.get(template_id)
        body = {name: stored[name] for name in PARTS if stored.get(name)} | body
    if not body:
        raise click.UsageError("what is to be tried? give TEMPLATE, --subject, --text or --html-file")
    result = context.plain.templates.validate(body | given(test_data=data_of(data)))
    if context.as_json:
        context.emit(result)
    else:
        _show_result(context, result)
    if not result["valid"]:
        click.get_current_context().exit(EX_PERMANENT)


@click.group(cls=Group)
def starters() -> None:
    """Templates that come with the deployment, to be copied.

    \b
    e2a templates starters get welcome
    """


@starters.command("list")
@limit_option()
@command
def starters_list(context: Context, limit: int) -> None:
    """All starters.

    \b
    e2a templates starters list
    """
    context.rows(
        context.plain.templates.list_starters().to_list(limit),
        [("alias", "alias"), ("name", "name"), ("gaps", _gaps), ("what for", "description")],
        "this deployment has no starters",
    )


@starters.command("get")
@click.argument("alias")
@_part_option
@command
def starters_get(context: Context, alias: str, part: str | None) -> None:
    """One starter: its sources and what goes into its gaps.

    \b
    e2a templates starters get welcome --part text
    """
    found = context.plain.templates.get_starter(alias)
    if part is None:
        context.one(found, ["alias", "name", "version", ("what for", "description"), "subject"])
        for one in found["variables"]:
            needed = "needed" if one["required"] else "optional"
            context.say(f"    {{{{{one['name']}}}}}  {needed}: {one['description']} (as {one['example']!r})")
    _sources(context, found, part)


templates.add_command(starters)


def _body(options: Mapping[str, Any]) -> dict[str, Any]:
    """Name, alias and sources that were given."""
    html = options["html_file"]
    return given(
        name=options.get("name"),
        alias=options.get("alias"),
        subject=options["subject"],
        text=text_of(options["text"], options["text_file"]),
        html=None if html is None else read_text(html),
    )


def _sources(context: Context, found: Mapping[str, Any], part: str | None) -> None:
    """Its texts for people; one of them alone just as it is, for a file."""
    if part is not None:
        if context.as_json:
            context.emit(found)
        else:
            click.echo(str(found.get(part) or ""), nl=part == "subject")
        return
    if found.get("text"):
        context.say("  text:")
        _quote(context, found["text"])
    if found.get("html"):
        context.say(f"  html: {len(found['html'])} characters; see them with --part html")


def _quote(context: Context, text: str) -> None:
    for line in plain(text, lines=True).rstrip("\n").split("\n"):
        context.say(Text(f"    {line}"))


def _show_result(context: Context, result: Mapping[str, Any]) -> None:
    for problem in result["errors"]:
        context.say(Text(f"{plain(problem['part'])}: {plain(problem['message'])}", style="red"))
    if result["valid"]:
        context.say(Text("nothing is wrong with it", style="green"))
    if gaps := result.get("suggested_data"):
        context.say(f"  gaps: {', '.join(_paths(gaps))}")
    rendered = result.get("rendered") or {}
    if rendered:
        context.say(f"  subject: {rendered['subject']}")
    for name in ("text", "html"):
        if rendered.get(name):
            context.say(f"  {name}:")
            _quote(context, rendered[name])


def _paths(data: Mapping[str, Any], above: str = "") -> list[str]:
    """The gaps that data of this shape fills."""
    found = list[str]()
    for name, value in data.items():
        found += _paths(value, f"{above}{name}.") if isinstance(value, Mapping) and value else [f"{above}{name}"]
    return found


def _gaps(starter: Mapping[str, Any]) -> str:
    return ", ".join(one["name"] for one in starter["variables"])
