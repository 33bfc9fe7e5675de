"""Stand-ins for the outside, a process of its own: a gateway and an AlimTalk sender of ours, and real providers'.

Everything here is a simulation; no money moves and nobody is written to. It imports nothing of the service, so that the
service meets it only over HTTP, as it would a real provider. ``README.md`` beside this file has our own wire, the one
in ``providers`` those of the real ones.
"""
