"""The plan: what a load would do with each record, checked before anything is sent."""
