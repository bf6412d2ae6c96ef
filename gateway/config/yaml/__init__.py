"""Text -> tree: what the file says, before anybody asks what it means.

`parse` is the way in; `quick` reads what is plainly YAML; `slips` and `syntax` explain text that is not.
The only room that imports ruamel.yaml.
"""
