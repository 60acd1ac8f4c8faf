"""The control API: an emulator and its companies over HTTP with JSON, for tests and tools in any language.

`operations` has a function for each operation, `models` what they take and give. The routes and the OpenAPI document
are made from the functions' signatures and docstrings.
"""
