"""Run by an interpreter that has e2a==5.8.1: each method of one of its clients, the happy way and refused.

Says at the end what there is to call, and what was called.
"""

import asyncio
import inspect
import json
import sys
from functools import wraps
from types import ModuleType
from typing import Any

import e2a.v1
import full_every_account
import full_every_events
import full_every_messages
import full_every_people
from e2a.v1 import AsyncE2AClient, E2AClient
from e2a.v1.generated import api as generated
from full_world import World
from recorder import Recorder, can_refuse, drive, exported, failures, surface

told, mode = json.loads(sys.argv[1]), sys.argv[2]
Client = AsyncE2AClient if mode == "async" else E2AClient
VARIANTS = ("_with_http_info", "_without_preload_content")


def operations(module: ModuleType) -> tuple[set[str], set[str]]:
    """The names of all operations that the generated layer has, and a set of those that are reached from now on."""
    names: set[str] = set()
    reached: set[str] = set()
    for kind in (one for one in vars(module).values() if inspect.isclass(one)):
        for name, method in inspect.getmembers(kind, inspect.isfunction):
            if name.startswith("_"):
                continue
            operation = name
            for variant in VARIANTS:
                operation = operation.removesuffix(variant)
            names.add(operation)
            setattr(kind, name, _counted(method, operation, reached))
    return names, reached


def _counted(method: Any, operation: str, reached: set[str]) -> Any:
    @wraps(method)
    async def call(*arguments: Any, **named: Any) -> Any:
        reached.add(operation)
        return await method(*arguments, **named)

    return call


async def script() -> None:
    world = World(recorder, Client, told, mode)
    await full_every_account.begin(world)
    for module in (full_every_messages, full_every_people, full_every_events):
        await module.run(world)
    await full_every_messages.hurry(world)
    await full_every_account.end(world)


recorder = Recorder("e2a")
all_operations, reached = operations(generated)
kinds: set[type] = set()
public = surface(Client(api_key="x", base_url="http://127.0.0.1:1"), Client.__name__, "e2a", kinds)
other = E2AClient if Client is AsyncE2AClient else AsyncE2AClient
surface(other(api_key="x", base_url="http://127.0.0.1:1"), "", "e2a", kinds)
public |= exported(e2a.v1, "e2a", kinds)
if Client is AsyncE2AClient:
    asyncio.run(asyncio.wait_for(script(), 80))
else:
    drive(script())
print(
    json.dumps(
        recorder.told(
            public=set(public),
            known_failures=failures(e2a.v1),
            refusable={name for name, method in public.items() if can_refuse(method)},
            operations=all_operations,
            reached=reached,
        )
    )
)
