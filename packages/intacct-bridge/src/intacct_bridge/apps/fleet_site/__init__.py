"""What a fleet serves over HTTP: the page where a tenant's administrator connects a company, and the JSON interface."""
