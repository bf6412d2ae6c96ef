"""The section `upstreams`: groups of addresses that serve the same."""
