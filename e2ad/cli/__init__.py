"""The two commands: `e2ad` runs and operates the daemon, `e2a` is its client for agents and people.

Exit statuses of `e2ad`: 0 done, 1 failed, 2 wrong usage, 78 a configuration that cannot be used
(sysexits.h). Those of `e2a`: 0 done, 1 may work if tried again, 2 wrong usage, 4 credentials,
5 will not work.
"""
