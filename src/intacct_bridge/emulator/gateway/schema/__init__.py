"""What a request must look like: the XML schema of 3.0 and the document type definition of 2.1."""
