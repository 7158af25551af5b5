"""`homecheck collector bench`: what one report costs a collector, and how long its sender waits.

    reports   realistic evidence, signed before any clock runs
    load      HTTP over loopback, as fast as answers come or at a fixed rate
    engines   a temporary database: what it costs, and how often it waited for the disk
    served    a collector in a process of its own
    run       one bench, from set-up to what was verified

Nothing is measured inside the collector: it is the program that serves, started by its command line.
"""
