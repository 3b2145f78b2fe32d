"""What happens without being asked: deliveries and mail that are due, and sweeps.

- `runner` claims, attempts and records; `lanes` says what may run now; `outcomes` what becomes of an
  attempt; `recording` writes outcomes in batches; `contents` lends large mail under a budget.
- `dispatcher` carries accepted mail, inside and to the relay. `dispatch_loop` claims and records, `dispatch_attempt`
  is one attempt at one mail and `dispatch_results` what its end means, `dispatch_relay` signs and hands over,
  `dispatch_marks` writes what has to be on disk before content leaves, `dispatch_notices` carries the
  deployment's own mail.
- `expiry` ends the holds that nobody decided about; `screening` asks the model about mail that waits for its word.
- `indexing` makes mail searchable.
- `kinds` is the table of sweeps and `sweeps` runs them, one process at a time.

Rules. The row is the truth: attempt number and lease are written before anything is tried, so that a
crash, a kill and a cancellation read alike, and the delivery comes again. Any number of processes
may work on one database. A sweep does small batches, so that it holds no lock for long.

What may go wrong. A database that is away: claiming waits and comes back, outcomes are kept and written
later, and what could not be written is attempted a second time, with the same event id. Mail is the exception: what may
have left is never tried a second time, its row says that the outcome is unknown, and a person decides.
"""
