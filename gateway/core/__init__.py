"""Decisions as pure values: no I/O, no clock, no chance, no logging."""
