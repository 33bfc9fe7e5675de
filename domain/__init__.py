"""Pure rules and frozen values: no clock, no randomness, no I/O. The preview, the workflow and the audit share them."""
