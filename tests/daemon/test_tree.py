"""How the house is put together, where it matters who shares what with whom."""

from e2ad.config import load
from e2ad.daemon.house import House
from e2ad.storage.pool import Database


async def test_strangers_name_servers_cannot_use_up_the_questions_of_the_way_out(database: Database) -> None:
    environ = {"E2AD_DATABASE_URL": database.dsn, "E2AD_SIGNING_SECRETS": "0123456789abcdef" * 4}
    house = House.build(load(environ=environ), database)
    judging, out = house.resolver, house.services.egress._resolver
    assert out is not judging
    assert out._limiter is not judging._limiter
