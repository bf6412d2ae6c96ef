"""The whole file: its model and schema, the validation of a tree, rules across sections, the settings."""
