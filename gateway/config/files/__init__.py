"""The files that a configuration names by path: which they are, and whether they can be used now."""
