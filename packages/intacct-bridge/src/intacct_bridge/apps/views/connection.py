"""What a sign-in reached, in words."""

from intacct_bridge.operations.connections import SignIn


def signed_in(sign_in: SignIn) -> str:
    """One sentence: who is signed in, where, and through which endpoint."""
    where = f"entity {sign_in.location_id}" if sign_in.location_id else "top level"
    return f"Signed in to {sign_in.company_id} as {sign_in.user_id}: {where}, endpoint {sign_in.endpoint}"
