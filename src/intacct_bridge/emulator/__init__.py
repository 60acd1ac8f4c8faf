"""The tower: a stateful gateway on the floors errors, wire and model; it never sees client, flow or edge."""
