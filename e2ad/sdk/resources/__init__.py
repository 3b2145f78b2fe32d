"""The methods of the clients, one module a resource; written once for all faces (`e2ad.sdk.faces`).

- `account`: the account, `.suppressions` and `.api_keys`
- `agents`: agents, protection, suppressions of one agent
- `connections`: programs that were let in
- `contacts`: contacts and outreach
- `conversations`: threads
- `domains`: domains of one's own
- `events`: what has happened
- `feedback`: a word to the operator
- `messages`: mail
- `reviews`: mail that waits for a person
- `signing_secrets`: what mail to an agent's own URL is signed with
- `templates`: texts with gaps, and starters
- `terms`: what many operations have in common
- `tree`: all of them together, as every client has them
- `webhooks`: where events are posted

Rules. Names of methods and parameters are those of the published client; what the API has beyond it comes as
further keywords and methods. A method says what is asked, never how: no I/O here. Models and bodies are named
through their packages, which load a topic when it is first wanted.

What may go wrong. `E2AValidationError` before anything is sent: an empty part of a path, or a page of no size.
"""
