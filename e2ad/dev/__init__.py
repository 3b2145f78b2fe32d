"""What `e2ad dev` has and a production host has not: a database of its own and an offline world.

`postgres` runs a private PostgreSQL that lives and dies with the process; `postgres_files` finds its
programs, its account and its directories. The tests run on the same launcher.
"""
