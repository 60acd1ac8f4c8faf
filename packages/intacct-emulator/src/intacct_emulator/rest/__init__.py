"""The REST interface of the emulated gateway, over the same companies as the XML interface."""
