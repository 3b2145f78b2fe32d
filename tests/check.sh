#!/bin/sh
# The whole gate, for hooks and CI alike. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/.."
bin=${VENV_BIN:-.venv/bin}
step() { printf '\n== %s\n' "$*" >&2; "$@"; }
step "$bin/ruff" format --check .
step "$bin/ruff" check .
step "$bin/flake8" --isolated --select ASYNC102,ASYNC120 e2ad
step "$bin/lint-imports"
step "$bin/mypy"
step "$bin/pytest" "$@"
