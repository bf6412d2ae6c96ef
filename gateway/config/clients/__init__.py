"""The section `clients`: model, rules and builder. Rules that also need a route are in `routes`."""
