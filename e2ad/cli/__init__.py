"""The two commands: `e2ad` runs and operates the daemon, `e2a` is its client for agents and people.

- `e2ad`: `daemon` has the commands, `develop` those below `e2ad dev`, `audit` those that prove the log of decisions;
  `configured` finds the configuration, `failing` is how it ends in trouble.
- `e2a`, the frame: `client` lists the commands, below headings, and where each is: `frame` imports it when it is asked
  for, and ends the program. Each is a function of a `context`: the client, the agent it is about, how it prints
  (`printing`), asks, and ends (`endings`: exit statuses). `settings` finds deployment and key, `configuring` stores
  them, `login` gets them, with `handoff` for the key that a browser brings. `options`, `files` and `lists` mean the
  same everywhere; `completion` makes a shell know it all, with the names that `completing` looks up. `doctor` says
  what does not work.
- `e2a`, the commands: `agents`, `account` (with keys), `inbox` for what came, shown by `reading`, marked by
  `highlights`, `conversations`, `sending` for mail out, `tracing` for how far one is, in the words of `states`.
  `listening` shows or hands on what comes, `waiting` waits for one mail, both by `following`; `forwarding` posts a mail
  as it is. `mcp` serves programs.
  `reviews` is for the person who decides, with `drafts` to change what is held and `differences` to show the change,
  `protection` for the rules, `suppressions` for those who are not written to, `domains` for names of one's own;
  `contacts` and `outreach` for people, with what is kept about them (`metadata`), `importing` for files of them, which
  `contact_files` reads; `templates` for texts; `webhooks` and `events` for those who are told, `signing_secrets` for
  how they know that it is us; `attachments` and `exporting` for files out; `metrics` and `limits` for numbers, drawn by
  `charts`; `connections` for programs that were let in, `feedback` for a word to the operator. `several` does one
  thing to many and sums it up.

Rules. Nothing is decided here: `e2ad` calls the daemon, `e2a` speaks to the API, by the plain face of `sdk`, and
spells none of its paths. What was asked for goes to stdout, all else to stderr. With `--json` a command writes one
JSON value (a list is an array), and one a line where it runs on; a failure is an object on stderr. What a stranger
wrote passes through `plain`. Nothing is cut off in a pipe. What cannot be undone asks, or needs `--yes`.

What may go wrong. Exit statuses of `e2ad`: 0 done, 1 failed (of `audit`: a row is bad), 2 wrong usage, 69 the log
could not be read, 78 a configuration that cannot be used (sysexits.h). Those of `e2a` are in `endings` and at the end
of `e2a --help`; they are frozen.
"""
