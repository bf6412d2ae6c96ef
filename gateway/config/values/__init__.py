"""One text -> one value, or why not: addresses, URLs, names, durations. No value knows of another key."""
