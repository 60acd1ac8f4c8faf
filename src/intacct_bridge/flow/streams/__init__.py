"""What can be extracted: streams, their bookmarks, names, partitions and the default selection."""
