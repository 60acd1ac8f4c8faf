"""What the product does, for every program: an operation takes a typed request and gives a typed result.

An operation never prints and never asks. It knows no command line, no web page and no Singer. Commands, pages, agents,
Spark, fleets and Python programs call the same functions.
"""
