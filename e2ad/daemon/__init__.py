"""The daemon: how the rooms are put together, started, watched and stopped.

- `tree` is the nursery tree of one process, `house` the only place that builds collaborators.
- `settings` says to the rooms below what the configuration means to them; `telling` says who hears of new mail.
- `processes` supervises several of them, over a `lifeline` each.
- `presence` says to the database that the process lives, for those who look at the deployment.
- `systemd` speaks to the service manager, `signals` turns SIGTERM and SIGINT into an event.
- `operate` has what an operator does without a running daemon; `collector` sets the collector of garbage.

Rules. Nesting is the shutdown order: doors, engine room, database. Each storey has its grace, and what
ignores it is cancelled; all of them together stay below the unit's TimeoutStopSec.

What may go wrong. A task that dies before it has started is a wrong configuration and fatal at once; one
that dies later is started again, as often as its policy says (`e2ad.supervisor`).
"""

from e2ad.daemon.collector import spare_what_stays
from e2ad.daemon.operate import (
    Checked,
    Founded,
    MigrationFailed,
    bootstrap,
    export_audit,
    migrate,
    verify_audit,
)
from e2ad.daemon.processes import ChildDied, run
from e2ad.daemon.signals import stop_on_signal
from e2ad.daemon.tree import ROLES, Doors, serve, url_of

__all__ = [
    "ROLES",
    "Checked",
    "ChildDied",
    "Doors",
    "Founded",
    "MigrationFailed",
    "bootstrap",
    "export_audit",
    "migrate",
    "run",
    "serve",
    "spare_what_stays",
    "stop_on_signal",
    "url_of",
    "verify_audit",
]
