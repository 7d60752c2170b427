"""Firstbell: an operations controller for a horizontally scaled Moodle on AWS. One package per capability.

Inside a capability, values and decisions are pure (standard library only); what observes or acts is in files of its
own, and every AWS call goes through `firstbell.aws`.
"""

__version__ = "0.1.0"
