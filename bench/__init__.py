"""The benchmark: the gateway beside the proxies it has to beat, on the reader's machine.

The way of a run, each step a module:

    __main__ ─ programs ─ stage ─ contestants ─► load, starts, idle, transfers, behaviour
             ─► results ─ targets ─ report

- `programs` finds (or installs) what is measured, `compiled` builds the gateway's wheel; `machine` says on
  what.
- `processes` starts children, each bound to one processor, and ends every one of them.
- `stage` is what all contestants stand on: upstreams, authorization server, files, ports.
- `scenarios` are what may be special about a load; `configs` and `envoy_config` write everybody's
  configuration; `contestants` says who takes part.
- `load`, `starts`, `idle`, `transfers` and `behaviour` measure; `kernel` reads processor time and memory.
- `results` are the raw figures, `targets` judges them, `report` prints them.
- `pairs`, `known`, `invented`, `tunnels`, `workers`, `reloads` and `soak` are runs of their own.

Three modules are programs of their own, started with `python -m`: `authorization_server`, `strict_upstream`
and `plain_aiohttp`.
"""
