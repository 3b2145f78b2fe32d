"""What happens without being asked: deliveries that are due, and sweeps.

`runner` claims, attempts and records; `lanes` says what may run now; `contents` lends large mail
under a budget. `kinds` is the table of sweeps and `sweeps` runs them, one process at a time.

The row is the truth: attempt number and lease are written before anything is tried, so that a
crash, a kill and a cancellation read alike, and the delivery comes again.
"""
