"""The wire in pydantic: the only place where the storefront's abbreviations live, as aliases."""
