"""Pure functions for published methods, one module each, named after its source; clause numbers in the docstrings.

iec_*, itu_*, rfc_*               standards
wilson_1927, gilbert_1960         papers
batch_means, order_statistics     textbook statistics: intervals of means and quantiles
exponential_average               a filter that several standards share
call_quality, goodput             how figures of several standards make one statement about a path
"""
