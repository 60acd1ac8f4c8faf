"""What a sign-in reached, and what an edit of a connection means."""

from collections.abc import Mapping
from typing import Any

from intacct_bridge.client.gateway.session import SignIn


def signed_in(sign_in: SignIn) -> str:
    """One sentence: who is signed in, where, and through which endpoint."""
    where = f"entity {sign_in.location_id}" if sign_in.location_id else "top level"
    return f"Signed in to {sign_in.company_id} as {sign_in.user_id}: {where}, endpoint {sign_in.endpoint}"


def lifts_approval(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether an edit lets a connection write without an approval that it needed before."""
    return before.get("approval") == "required" and after.get("approval") != "required"
