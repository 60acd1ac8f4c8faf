"""A stateful emulator of the gateway. It imports errors, wire and model, and never client, flow or edge."""
