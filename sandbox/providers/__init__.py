"""Strict stand-ins for real payment and message providers, each on its own wire, all with one control.

Each is written from what its provider documents and refuses what the real one is known to refuse. Where that isn't
known, it behaves as hurts a careless client most, and a quirk (``registry``) plays the other reading. Amounts are
integers in minor units of currencies without decimals (KRW, JPY); times are epoch milliseconds inside, aware outside.
"""
