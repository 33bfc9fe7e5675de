"""What the storefront sends and gets in the six calls. Amounts are integer minor units of the order's currency.

`asked` is what it sends in all of them. What it gets: `popup`, `quote` and `claim`, with the `costs` that a quote and
its claim tell alike, and `options`.
"""
