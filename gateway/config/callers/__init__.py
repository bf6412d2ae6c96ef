"""The section `callers`: model, rules and builder."""
