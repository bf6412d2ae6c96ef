"""The configuration, read in a process of its own that ends when it has read.

What reads and judges `gateway.yaml` takes more memory than all the rest of an idle gateway, and is needed for
a fraction of a second. Nothing gives that memory back but the end of a process.

Rules:

- `asking` and `other_process` are the gateway's side, `reading_process` is what the other process runs, and
  `conversation` is what goes between them.
- The two share a socket that nobody else has. Neither the environment, which may hold secrets, nor the
  settings stand anywhere else: not on a disk, not on a command line, and not in the other process's own
  environment, where others of the same user could see them.
- A process that cannot be started, crashes, is killed or takes too long is a problem like any other of the
  configuration: a start ends with it, a reload changes nothing.
"""
