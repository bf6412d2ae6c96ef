"""Groups of upstream addresses: their names resolved, their connections, the choice for each request."""
