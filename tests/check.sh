#!/bin/sh
# The whole gate, for hooks and CI alike. Arguments go to pytest.
#
# All checks that run nothing come first, and each has its say; the tests follow if none of them failed.
# TEST_WORKERS: how many tests run side by side. One more than there are processors, as many tests wait.
set -eu
cd "$(dirname "$0")/.."
bin=${VENV_BIN:-.venv/bin}
processors=$(nproc 2>/dev/null || echo 2)
failed=
step() {
  printf '\n== %s\n' "$*" >&2
  "$@" || failed="$failed$1 "
}

# Only what is asynchronous can break these rules; flake8 itself would take three times as long.
cancellation_rules() {
  grep -rlZ --include='*.py' 'async ' e2ad |
    xargs -0 -n 40 -P "$processors" "$bin/flake8-async" --enable ASYNC102,ASYNC120
}

step "$bin/ruff" format --check .
step "$bin/ruff" check .
step "$bin/lint-imports"
step "$bin/mypy"
step cancellation_rules
if [ -n "$failed" ]; then
  printf '\n== failed: %s\n' "$failed" >&2
  exit 1
fi

# Hundreds of daemons are started; where Python may not write, each would compile all of e2ad again.
"$bin/python" -m compileall -q e2ad || :
step "$bin/pytest" -n "${TEST_WORKERS:-$((processors + 1))}" --dist worksteal "$@"
[ -z "$failed" ]
