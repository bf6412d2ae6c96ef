"""Decisions of the request's way: from the bytes of a head to the bytes of a response."""
