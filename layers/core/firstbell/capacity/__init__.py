"""From peaks to capacity: demand in vCPUs, a plan with reasons, and the smallest change of the group.

    peaks --demand.phases--> phases --planning.floors_of--> floors --floors.merge--> steps --reconcile.decide--> actions

A *floor* is the one mechanism for "at least so many": the plan is a list of floors, a reaction to an alarm is one more
(a lease, with an owner and an end), and whoever adds one merges them all and reconciles the group with the result.
"""
