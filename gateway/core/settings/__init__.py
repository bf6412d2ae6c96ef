"""What `gateway.yaml` means: typed, frozen, complete. `config` builds it, every other room reads it.

Times are seconds, sizes are bytes.
"""
