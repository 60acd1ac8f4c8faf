"""A stateful emulator of the gateway. It stands on errors, wire and model, and never sees client, flow or edge."""
