"""The company as loading sees it: what can be written, references, existing records, attachments."""
