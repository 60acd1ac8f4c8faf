"""How a record becomes the XML function that writes it: a generic create or update, or an object-specific function."""
