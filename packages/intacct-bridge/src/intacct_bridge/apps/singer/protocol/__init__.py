"""The Singer protocol: its messages, the state document, and the destination that writes them."""
