"""Names and addresses: where a service is, and how a connection gets there. Both ways use it."""
