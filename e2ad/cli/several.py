"""One command for several things: each by itself, and a summary where there is more than one."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from e2ad.cli.context import EX_CREDENTIALS, Context
from e2ad.cli.endings import status_of
from e2ad.sdk import E2AConnectionError, E2AError

__all__ = ["each"]


def each(
    context: Context,
    ids: Sequence[str],
    act: Callable[[str], Mapping[str, Any]],
    words: Callable[[Mapping[str, Any]], str],
    done: str,
) -> None:
    """Do it to each of them; one that fails does not keep the others from it.

    One alone gives its answer or its failure, as any command. Several give, under --json, a list in their order, of
    answers and of `{"id", "error"}`; the summary goes to stderr.

    Args:
        words: a line for people about an answer.
        done: the past participle of the summary, as in "3 removed, 1 failed".

    Raises:
        E2AError: of the only one.
        SystemExit: some failed; the worst of their statuses.
    """
    ids = list(dict.fromkeys(ids))
    if len(ids) == 1:
        answer = act(ids[0])
        context.done(answer, words(answer))
        return
    results, failures = list[Mapping[str, Any]](), list[int]()
    for at, one in enumerate(ids):
        try:
            answer = act(one)
        except E2AError as error:
            failures.append(status_of(error))
            context.note(f"e2a: {one}: {error} ({error.code})")
            results.append({"id": one, "error": {"code": error.code, "message": error.message}})
            if isinstance(error, E2AConnectionError) or failures[-1] == EX_CREDENTIALS:
                left = ids[at + 1 :]
                failures += [failures[-1]] * len(left)
                results += [{"id": other, "error": {"code": "not_tried", "message": "not tried"}} for other in left]
                break
        else:
            results.append(answer)
            context.say(words(answer))
    if context.as_json:
        context.emit(results)
    context.note(f"{len(ids) - len(failures)} {done}" + (f", {len(failures)} failed" if failures else ""))
    if failures:
        sys.exit(max(failures))
