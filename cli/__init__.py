"""The console command `claims`: an HTTP client for people, and the starter of the local stack."""
