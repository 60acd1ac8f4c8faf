"""What several plans know of one company together: the records that loads refer to, and the entities.

Inputs that are planned one after the other, such as the streams of a Singer target, refer to the same accounts and
locations. What one plan has found is not read again by the next. What it has not found is, since a load in between may
have created it; and everything of an object that was written in between is read anew.
"""

from collections.abc import Callable, Mapping

from intacct_bridge.client.protocol import Gateway
from intacct_bridge.flow.company.references import References
from intacct_bridge.flow.plan.rules import EntityFacts


class CompanyFacts:
    """The facts that plans share; made anew for every plan that shall trust no other."""

    def __init__(self) -> None:
        self._references: dict[str, References] = {}
        self._entities: dict[str, Mapping[str, EntityFacts]] = {}

    def references(self, company: Gateway) -> References:
        """The references of a new plan, with the records that earlier plans have found."""
        place = company.connection.location_id
        before = self._references.get(place)
        self._references[place] = found = References(company) if before is None else before.for_next_plan()
        return found

    def entities(self, company: Gateway, read: Callable[[], Mapping[str, EntityFacts]]) -> Mapping[str, EntityFacts]:
        """The company's entities, read once."""
        place = company.connection.location_id
        if not self._entities.get(place):
            self._entities[place] = read()
        return self._entities[place]

    def forget(self, object_name: str) -> None:
        """Records of this object were written: the next plan reads what it refers to of them."""
        for one in self._references.values():
            one.forget(object_name)
        if object_name in ("LOCATIONENTITY", "LOCATION"):
            self._entities.clear()
