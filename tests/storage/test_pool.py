async def test_smoke(database):
    assert await database.fetch_value("select count(*) from accounts") == 0
async def test_smoke2(database):
    assert await database.fetch_value("select count(*) from accounts") == 0
