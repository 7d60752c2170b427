"""A local AWS on loopback: the real template, deployed by the real SAM CLI, with the functions as real processes.

`python -m local_aws` (`make deploy-local`) starts it, deploys, proves a few things and stops it again.
"""
