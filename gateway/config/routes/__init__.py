"""The section `routes`: model, rules, warnings and builder."""
