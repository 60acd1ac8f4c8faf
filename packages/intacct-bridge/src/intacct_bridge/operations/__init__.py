"""Operations: everything that a program can have done, each a function with a typed request and a typed result.

Commands, pages, agents, Spark, fleets and Python programs call the same operations. An operation never prints and never
asks. It owns the order of the steps: a plan is revalidated before it is applied, what is not approved is refused, the
lock is held, the run is recorded, and what stops it is told.
"""
