"""The decisions about callers: what a request presents, who it is by that, and whether that is enough."""
