"""Small texts that others wrote, read and made fit to be shown."""
