"""Decisions of the token's way: from a grant to its token, or to whose fault it is that there is none."""
