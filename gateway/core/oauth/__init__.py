"""Decisions of the token's way: from a grant to the token that it gives, or to whose fault it is."""
