"""The same on Debian's own PostgreSQL, where it is installed: migrations, intake, reading."""

from pathlib import Path

import pytest

from e2ad.dev.postgres import open_server
from e2ad.storage import migrations
from e2ad.storage.pool import open_pool
from tests.gateway.test_intake import AGENT, Ledger, arrival, household, submit_all

pytestmark = pytest.mark.live
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))


@pytest.mark.skipif(not PROGRAMS, reason="no PostgreSQL of the distribution is installed here")
async def test_debians_server_takes_mail(tmp_path: Path) -> None:
    async with open_server(tmp_path / "postgres", PROGRAMS[-1]) as server:
        assert await migrations.migrate(server.dsn)
        assert await migrations.migrate(server.dsn, "verify") == []
        async with open_pool(server.dsn) as database:
            await household(database, AGENT)
            mail = arrival()
            [ids] = await submit_all(Ledger().intake(database), [mail])
            assert ids == (mail.message.id,)
            version = await database.fetch_value("select current_setting('server_version_num')::int / 10000")
            assert version == int(PROGRAMS[-1].parent.name)
            assert await database.fetch_value("select count(*) from messages where subject ilike '%x%'") == 1
