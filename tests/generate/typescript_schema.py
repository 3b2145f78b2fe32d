"""The types of the TypeScript client, made from our OpenAPI document.

`python -m tests.generate.typescript_schema` writes them; openapi-typescript does the work, with what npm installed
in the package's own folder. A test compares the result with the file in the tree.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from e2ad.api.app import OPERATIONS
from e2ad.api.openapi import document

__all__ = ["PACKAGE", "SCHEMA", "generated", "told"]

PACKAGE: Final = Path(__file__).parents[2] / "e2ad" / "sdk" / "typescript"
SCHEMA: Final = PACKAGE / "src" / "schema.ts"
SECONDS: Final = 120
OPTIONS: Final = (
    "--root-types",
    "--root-types-no-schema-prefix",
    "--root-types-keep-casing",
    # A member with a default may be left out of a request.
    "--default-non-nullable=false",
    # An object without named members may have any.
    "--empty-objects-unknown",
)
HEAD: Final = (
    "// Made by tests/generate/typescript_schema.py from the OpenAPI document of the API; not edited by hand.\n\n"
)


def told() -> dict[str, Any]:
    """What a client needs of the document: every failure has the same shape, and no header has a type worth a name."""
    whole: dict[str, Any] = json.loads(json.dumps(document(OPERATIONS)))
    for item in whole["paths"].values():
        for operation in item.values():
            operation["responses"] = {
                status: _without_headers(response)
                for status, response in operation["responses"].items()
                if status.startswith("2")
            }
    return whole


def generated(modules: Path, node: str = "node") -> str:
    """The file's text.

    Args:
        modules: a `node_modules` that has openapi-typescript.
        node: the program that runs it.
    """
    command = [node, str(modules / "openapi-typescript" / "bin" / "cli.js")]
    with tempfile.TemporaryDirectory(prefix="e2ad-schema-") as folder:
        given, made = Path(folder) / "openapi.json", Path(folder) / "schema.ts"
        given.write_text(json.dumps(told()))
        done = subprocess.run(
            [*command, str(given), "--output", str(made), *OPTIONS],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-2000:])
        text = made.read_text()
    return HEAD + text.partition("*/\n\n")[2]


def _without_headers(response: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in response.items() if name != "headers"}


if __name__ == "__main__":
    SCHEMA.write_text(generated(Path(sys.argv[1]) if len(sys.argv) > 1 else PACKAGE / "node_modules"))
