"""What the gateway asks of its operating system, and what it owes it: files, processes, threads, limits."""
