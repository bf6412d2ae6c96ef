"""What the on-call engineer sees: counters, the access log, operational records; above `core` only."""
