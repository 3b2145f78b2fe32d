"""The pages, one module for each thing that they are about.

`inbox` lists conversations, `message` shows one mail and what is known of it, `writing` answers, forwards and composes,
`start` leads from an empty account to the first mail.

Rules. A module ends in `PAGES`, which `dashboard.app` gathers. A page asks an operation or a verb and decides nothing
itself; its template escapes all that it is given, and a line that somebody else wrote goes through `shown`.

What may go wrong. An operation raises a `Failure`: of a form the page shows what was written and why it was not done,
of all else `dashboard.app` makes a page that says what to do.
"""
