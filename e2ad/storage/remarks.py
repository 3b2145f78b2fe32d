"""The table `feedback`: what people told the operator of this deployment."""

from attrs import asdict, field, frozen

from e2ad.storage.pool import Executor
from e2ad.storage.sql import load

__all__ = ["Remark", "add"]

_SQL = load("remarks")


@frozen
class Remark:
    """One remark; `kind` is "" where its author named none."""

    id: str
    kind: str
    body: str = field(repr=False)
    reply_to: str | None = field(repr=False)
    page: str | None


async def add(executor: Executor, remark: Remark) -> None:
    """Keep a remark."""
    await executor.execute(_SQL["add"], asdict(remark))
