"""`e2a signing-secrets`: from the first to the last, against a daemon."""

import json

from tests.cli.serving import Account


def test_one_is_changed_for_another(account: Account) -> None:
    (first,) = json.loads(account.e2a("signing-secrets", "list", "--json").stdout)
    listed = account.e2a("signing-secrets", "list").stdout
    assert first["id"] in listed
    assert first["secret"] not in listed
    assert account.e2a("signing-secrets", "show").stdout == first["secret"] + "\n"

    made = account.e2a("signing-secrets", "create", "--name", "since March")
    assert made.exit_code == 0
    second = made.stdout.strip()
    assert account.e2a("signing-secrets", "show").stdout.strip() == second != first["secret"]
    assert account.e2a("signing-secrets", "show", first["id"]).stdout.strip() == first["secret"]

    asked = account.e2a("signing-secrets", "delete", first["id"])
    assert asked.exit_code == 2
    assert "--yes" in asked.stderr
    gone = account.e2a("signing-secrets", "delete", first["id"], "--yes", "--json")
    assert json.loads(gone.stdout) == {"deleted": True, "id": first["id"]}
    (left,) = json.loads(account.e2a("signing-secrets", "list", "--json").stdout)
    assert (left["secret"], left["name"]) == (second, "since March")


def test_the_last_one_stays(account: Account) -> None:
    (only,) = json.loads(account.e2a("signing-secrets", "list", "--json").stdout)
    refused = account.e2a("signing-secrets", "delete", only["id"], "--yes")
    assert refused.exit_code == 5
    assert account.e2a("signing-secrets", "show").exit_code == 0


def test_one_that_there_is_not(account: Account) -> None:
    shown = account.e2a("signing-secrets", "show", "wsec_0")
    assert (shown.exit_code, shown.stdout) == (5, "")
    assert "signing-secrets list" in shown.stderr
    assert account.e2a("signing-secrets", "delete", "wsec_0", "--yes").exit_code == 5
