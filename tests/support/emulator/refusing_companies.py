"""Emulated companies, senders and users that are refused in each of the documented ways."""

from intacct_emulator.server.gateway import Emulator
from intacct_emulator.settings.scenarios import scenario

NOW = 1_795_258_800.0
REFUSING = {
    "sender": [
        {"sender_id": "idle-sender", "password": "secret", "active": False},
        {"sender_id": "other-sender", "password": "secret"},
    ],
    "company": [
        {"company_id": "expired-company", "expired": True},
        {"company_id": "unsubscribed-company", "web_services": False},
        {
            "company_id": "people-company",
            "modules": ["GL"],
            "user": [
                {"user_id": "locked", "password": "p", "status": "lockedout"},
                {"user_id": "reader", "password": "p", "roles": ["reader"], "audit": False},
                {"user_id": "local", "password": "p", "entities": ["100"], "roles": ["reader"]},
                {"user_id": "german", "password": "p", "roles": ["reader"], "date": ".dmY", "offset_minutes": 60},
            ],
            "role": [{"name": "reader", "rights": {"*": ["list", "view"], "GLACCOUNT": ["list", "view", "add"]}}],
        },
    ],
}


class Clock:
    """A clock that moves only when it is set, and records sleeps."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now


def world(clock: Clock | None = None, **behaviour: object) -> Emulator:
    clock = clock or Clock()
    settings = scenario({**REFUSING, "behaviour": behaviour})
    emulator = Emulator.empty(settings=settings, clock=clock, sleep=clock.slept.append)
    for entity in ("100", "200"):
        for company in ("demo-company", "people-company"):
            row = {"LOCATIONID": entity, "NAME": f"Entity {entity}", "CURRENCY": "USD"}
            emulator.company(company).table("LOCATIONENTITY").insert(dict(row))
            emulator.company(company).table("LOCATION").insert(dict(row))
    return emulator
