"""The functions that read: query, readByQuery, read, get_list, lookup, reports, attachments."""
