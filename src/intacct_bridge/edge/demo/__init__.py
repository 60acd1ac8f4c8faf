"""`intacct demo`: the main job on an emulated company."""
