"""The two commands: `e2ad` runs and operates the daemon, `e2a` is its client for agents and people.

- `e2ad`: `daemon` has the commands, `develop` those below `e2ad dev`, `failing` how it ends in trouble.
- `e2a`: `client` has the commands for what comes in, `sending` those for mail out, `tracing` shows how far one is,
  in the words of `states`;
  `reviews` is for the person who decides, with `drafts` to change what is held, `protection` for the rules, and
  `suppressions` for those who are not written to, `domains` for names of one's own. `context` is what every
  command stands on, `listening` shows events and messages, `highlights` what a search found in them, `settings`
  finds server and key.

Rules. Nothing is decided here: `e2ad` calls the daemon, `e2a` speaks to the API and to nothing else.
What was asked for goes to stdout, complaints go to stderr; `--json` is for machines.

What may go wrong. Exit statuses of `e2ad`: 0 done, 1 failed, 2 wrong usage, 78 a configuration that
cannot be used (sysexits.h). Those of `e2a`: 0 done, 1 may work if tried again, 2 wrong usage,
3 held for review, 4 credentials, 5 will not work, 6 not sent yet after `--wait`, 7 not sent, or nobody knows.
"""
