"""A private Postfix on loopback: STARTTLS and AUTH, one full mailbox, one that is there, and nobody else."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen

from tests.live.serving import free_port
from tests.live.test_smtp_tls import Authority


@frozen
class Postfix:
    """A private Postfix on loopback, and where it puts what it takes."""

    port: int
    folder: Path
    mechanism: str

    def delivered(self) -> list[bytes]:
        return [path.read_bytes() for path in sorted((self.folder / "mail" / "new").glob("*"))]


MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
myhostname = mx.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
maillog_file = {folder}/data/log
maillog_file_prefixes = {folder}
virtual_mailbox_domains = mx.test
virtual_mailbox_maps = inline:{{ {{ bot@mx.test = mail/ }}, {{ full@mx.test = mail/ }} }}
virtual_mailbox_base = {folder}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_tls_security_level = encrypt
smtpd_recipient_restrictions =
  check_recipient_access inline:{{ {{ full@mx.test = 452 4.2.2 mailbox full }} }}, permit_sasl_authenticated, reject
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = mx.test
message_size_limit = 2000000
"""

SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/data/sasldb
mech_list: {mechanisms}
"""

MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
error unix - - n - - error
retry unix - - n - - error
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def running_postfix(authority: Authority, mechanisms: str = "PLAIN LOGIN") -> Iterator[Postfix]:
    """One for the time of the block; the test is skipped where none is installed."""
    program = shutil.which("postfix", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None or shutil.which("saslpasswd2") is None or os.geteuid() != 0:
        pytest.skip("Postfix and sasl2-bin are not installed, or this is not root")
    folder = Path(os.path.realpath(f"/tmp/e2ad-postfix-{os.getpid()}"))
    folder.mkdir(mode=0o755)
    try:
        port = free_port()
        account = shutil._get_uid("postfix"), shutil._get_gid("postfix")  # type: ignore[attr-defined]
        for name in ("etc", "etc/sasl", "queue", "data", "mail"):
            (folder / name).mkdir(mode=0o755)
        for name in ("data", "mail"):
            os.chown(folder / name, *account)
        shutil.copy(authority.cert, folder / "cert.pem")
        shutil.copy(authority.key, folder / "key.pem")
        (folder / "key.pem").chmod(0o600)
        main = MAIN.format(folder=folder, uid=account[0], gid=account[1])
        (folder / "etc" / "main.cf").write_text(main)
        (folder / "etc" / "master.cf").write_text(MASTER.format(port=port))
        (folder / "etc" / "sasl" / "smtpd.conf").write_text(SASL.format(folder=folder, mechanisms=mechanisms))
        database = folder / "data" / "sasldb"
        words = ["saslpasswd2", "-p", "-c", "-f", str(database), "-u", "mx.test", "joe"]
        subprocess.run(words, input=b"secret", timeout=10, check=True)
        os.chown(database, *account)
        with (folder / "out").open("wb") as out:
            process = subprocess.Popen([program, "-c", str(folder / "etc"), "start-fg"], stdout=out, stderr=out)
        try:
            _wait_for_greeting(port, process, folder)
            yield Postfix(port, folder, mechanisms.split(" ")[0])
        finally:
            subprocess.run([program, "-c", str(folder / "etc"), "stop"], capture_output=True, timeout=30, check=False)
            process.terminate()
            process.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_greeting(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                if probe.recv(3) == b"220":
                    probe.sendall(b"QUIT\r\n")
                    return
        except OSError:
            time.sleep(0.1)
    logs = [path.read_text() for path in (folder / "out", folder / "data" / "log") if path.exists()]
    raise RuntimeError("Postfix does not start: " + "\n".join(logs)[-2000:])
