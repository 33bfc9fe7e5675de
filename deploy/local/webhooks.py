"""Where the stand-ins of payment providers send their webhooks: to this stack's API, as the real ones would."""

from __future__ import annotations

import httpx

from deploy.local.errors import StackError
from settings import PortOneMerchant, Settings, StripeMerchant, TossMerchant


def addresses(settings: Settings) -> dict[str, str]:
    """The API's address for the webhooks of each stand-in that an account is at, by the stand-in's name."""
    found: dict[str, str] = {}
    for name, merchant in settings.effective_merchants.items():
        # KakaoPay, and the sandbox gateway of our own, tell nothing.
        if not isinstance(merchant, TossMerchant | StripeMerchant | PortOneMerchant):
            continue
        if merchant.base_url.rstrip("/") == f"{settings.effective_sandbox_url}/{merchant.kind}":
            # A stand-in has one address: of several accounts there, the first one's.
            found.setdefault(merchant.kind, f"{settings.effective_api_url}/v1/webhooks/{name}")
    return found


async def point_at_api(settings: Settings) -> None:
    """Tell the stand-ins; they keep it, also when they are started again. Raises StackError when one doesn't answer."""
    async with httpx.AsyncClient(base_url=settings.effective_sandbox_url, trust_env=False, timeout=10) as http:
        for provider, url in addresses(settings).items():
            try:
                (await http.put(f"/control/{provider}/webhook", json={"url": url})).raise_for_status()
            except httpx.HTTPError as error:
                raise StackError(f"The stand-in of {provider} does not take an address for its webhooks.") from error
