"""The admin listener: health, metrics and state, for people and probes; it changes nothing."""
