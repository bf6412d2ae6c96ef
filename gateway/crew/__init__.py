"""Several processes that are one gateway: a supervisor, a keeper and workers.

::

    supervisor    starts, watches and ends the others; holds the listening sockets; no loop, no TLS
     ├─ keeper    token sources, configuration, admin listener      (dies: workers go on with living tokens)
     └─ workers   listeners, routes, connections to upstreams       (one dies: another takes its sockets)

Nothing here is imported where `workers` is 1.
"""
