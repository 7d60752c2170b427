"""The backup engine: standard library only, Python 3.9 or newer, and packed alone into one `.pyz` for the instances.

Formats and promises: docs/decisions/0011-backup-sets.md.
"""

VERSION = "0.1.0"  # the product's own; a test holds them together
