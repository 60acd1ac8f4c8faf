"""Streams, their bookmarks, names, partitions and the default selection."""
