"""What the processes of one gateway tell each other, and how they share work, limits and restarts."""
