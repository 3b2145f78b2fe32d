"""Who sent this mail, and how sure are we? SPF, DKIM, DMARC and ARC, and the DNS behind them.

A mail comes in with a peer address, a HELO name, a reverse-path and its bytes; out comes an
`Authentication`, evidence that never refuses a mail. `authenticator` is the door; behind it

- `resolver`: one caching, bounded resolver for the whole process; trouble is never an answer;
- `spf_method`: pyspf, run again for each answer it lacks, so that it needs no thread;
- `dkim_method`: every signature, rule by rule: `tags` (syntax), `signature` (the field), `keys` (the
  key record), `header_section` and `engine` (what is covered, its canonical form, its cryptography);
- `dmarc_method`: the tree walk of RFC 9989; its rules are in `core.alignment`, its lists of suffixes in `suffixes`;
- `arc_method`: the chain of intermediaries, told beside the verdict and never part of it;
- `signer`: DKIM signatures of our own.

Rules. One deadline holds for one mail: what is late reads `temperror`. Everything that a
stranger can write has a cap before a library computes with it, and all that we compute is linear in
its input. Mails over 64 KiB are worked on in a process that the deadline kills. DNS that does not
answer is `temperror`, and never "no key", "no policy" or "fail". No field of a mail is read as a
verdict, in whose name ever it speaks.

What may go wrong. A worker process that is killed costs its mail the DKIM result, not the mail.
"""
