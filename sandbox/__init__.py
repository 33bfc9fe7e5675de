"""Stand-ins for the outside that run as a process of their own: a payment gateway and an AlimTalk sender.

Everything here is a simulation; no money moves and nobody is written to. It imports nothing of the service, so that the
service meets it only over HTTP, as it would a real provider. ``README.md`` beside this file has the wire.
"""
