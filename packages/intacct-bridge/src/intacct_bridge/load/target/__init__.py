"""The company as a load sees it: writable fields, references, existing records, attachments."""
