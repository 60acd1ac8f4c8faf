"""`intacct demo`: every main function of the product on an emulated company."""
