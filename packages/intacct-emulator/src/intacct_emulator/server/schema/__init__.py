"""The shape of a request: the XML schema of 3.0 and the document type definition of 2.1."""
