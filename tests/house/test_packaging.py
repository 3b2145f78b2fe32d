"""What is shipped: the unit, the container files, and that they agree with the code."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from e2ad.config import Config, load

ROOT = Path(__file__).parents[2]


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(ROOT / "systemd" / "e2ad.service")
    return parser


def test_the_unit_notifies_and_is_watched() -> None:
    service = unit()["Service"]
    assert service["Type"] == "notify"
    assert int(service["WatchdogSec"]) >= 10
    for switch in ("NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "MemoryDenyWriteExecute"):
        assert service[switch] == "yes", switch
    assert service["ProtectSystem"] == "strict"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed here")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    # The unit names the installed program; verify wants it to exist.
    program = tmp_path / "e2ad"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (ROOT / "systemd" / "e2ad.service").read_text().replace("/opt/e2ad/bin/e2ad", str(program))
    (tmp_path / "e2ad.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "e2ad.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "e2ad" in line]
    assert not ours
    assert done.returncode == 0, done.stderr


def test_compose_agrees_with_the_defaults() -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    service = compose["services"]["e2ad"]
    config = Config()
    assert service["ports"] == [
        f"{port}:{port}" for port in (config.http.port, config.smtp.port, config.dashboard.port)
    ]
    known = {
        "E2AD_DATABASE_URL",
        "E2AD_SIGNING_SECRETS_FILE",
        "E2AD_SHARED_DOMAIN",
        "E2AD_SMTP_DOMAIN",
        "E2AD_HTTP_PUBLIC_URL",
        "E2AD_RELAY_HOST",
        "E2AD_RELAY_USERNAME",
        "E2AD_RELAY_PASSWORD",
    }
    assert set(service["environment"]) == known
    unset = {name: re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", value) for name, value in service["environment"].items()}
    unset.pop("E2AD_SIGNING_SECRETS_FILE")
    assert load(environ=unset, need=()).relay == config.relay
    assert service["depends_on"]["postgres"]["condition"] == "service_healthy"
    assert service["depends_on"]["secret"]["condition"] == "service_completed_successfully"
    file = service["environment"]["E2AD_SIGNING_SECRETS_FILE"]
    [command] = compose["services"]["secret"]["command"]
    assert command.endswith(f"> {file}")


def test_the_secret_that_compose_makes_is_made_once_and_good_enough(tmp_path: Path) -> None:
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    [command] = compose["services"]["secret"]["command"]
    command = command.replace("/var/lib/e2ad", str(tmp_path))
    secrets = []
    for _ in range(2):
        subprocess.run(["sh", "-c", command], check=True)
        secrets.append((tmp_path / "signing_secrets").read_text().strip())
    assert secrets[0] == secrets[1]
    assert len(secrets[0]) == 64
    assert (tmp_path / "signing_secrets").stat().st_mode & 0o077 == 0


def test_the_image_copies_all_that_the_build_needs() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    copied = {name for line in dockerfile.splitlines() if line.startswith("COPY") for name in line.split()[1:-1]}
    for needed in ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "config.example.toml", "e2ad", "sql"):
        assert needed in copied, needed
    assert "USER e2ad" in dockerfile
