"""One text -> one value, or why it is refused: addresses, URLs, names, durations. No key sees another."""
