"""`e2a completion`: the script that makes a shell complete commands, options and agents."""

import click
from click.shell_completion import get_completion_class

from e2ad.cli.context import Context, command
from e2ad.cli.frame import PROGRAM

__all__ = ["completion"]

_VARIABLE = f"_{PROGRAM.upper()}_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@command
def completion(context: Context, shell: str) -> None:
    """Print the script that makes SHELL complete e2a's commands, options and agents.

    \b
    source <(e2a completion bash)                                     in ~/.bashrc
    source <(e2a completion zsh)                                      in ~/.zshrc
    e2a completion fish > ~/.config/fish/completions/e2a.fish
    """
    found = get_completion_class(shell)
    assert found is not None, "click knows these three"
    # Not `.source()`: in bash it looks for bash's version by running a bash, which need not be here.
    one = found(click.get_current_context().find_root().command, {}, PROGRAM, _VARIABLE)
    script = one.source_template % one.source_vars()
    if context.as_json:
        context.emit({"shell": shell, "script": script})
    else:
        click.echo(script)
