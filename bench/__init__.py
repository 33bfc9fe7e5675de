"""How fast the service is on this machine, told as ratios: beside other things on the same servers, in the same run.

``python -m bench`` starts a local stack of its own in a temporary folder. docs/speed.md tells what each row means.
"""
