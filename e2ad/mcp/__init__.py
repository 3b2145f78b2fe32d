"""The MCP server: the API's operations as tools for an agent's model.

- `table` has all tools; each is described, with the call that it is, in the module of its resource (`mail`,
  `sending`, `agents`, `contacts`, `account`, `reviews`, `domains`, `webhooks`, `templates`, `aliases`), in the words
  of `tool`.
- `arguments` says what is wrong with a call; `results` makes an answer of what the API says; `caller` is who asks.
- `server` ties these to the `mcp` library; `stdio` serves a program that started us, `door` and
  `streamable` serve HTTP inside the daemon, `inside` is the daemon's own API without a network.

Rules. A tool is a call of the API with the caller's own credential: no rule, limit or right lives here. Both
transports serve the same tools. The library is loaded when somebody asks for the tools, not before.

What may go wrong. An error of the API becomes an answer that names its code; an accident becomes `internal_error` and
a line in the log. A mail's words are fenced or marked as a stranger's, and stand in no description and in no error.
"""
