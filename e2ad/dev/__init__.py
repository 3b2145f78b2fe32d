"""What `e2ad dev` has and a production host has not: a database of its own and an offline world.

- `session` runs it all and cleans up; `folder` keeps `.e2ad/`, private from the first byte on.
- `postgres` runs a PostgreSQL that lives and dies with the process; `postgres_files` finds its programs,
  its account and its directories. The tests run on the same launcher.
- `world` names the domains under `.test` with their keys and manners, `zone` answers for them as a DNS
  server on loopback, `letters` writes the mail that `e2ad dev send` sends as them.
- `hook` is a webhook's far side that checks what it gets.
- `notices` shows what the deployment would mail to its owner, so that a review needs no mail server.

Rules. Everything listens on loopback. As root the database runs under an unprivileged account that exists
already: no user is created and no foreign directory changed.

What may go wrong. No PostgreSQL on this machine: `postgres_files` says what to install. A folder that
another `e2ad dev` holds is left alone.
"""
