"""How good is the plan? Weeks of a campus under Firstbell's real planner, a clairvoyant optimum and the usual policies.

    timetable + shapes --campus--> demand --policies--> floors, reactions --fleet--> slow requests and instance-hours

A fluid model in steps of ten seconds (`serving` says how a loaded server answers), so that weeks take a second; the
request-by-request model of `simulator.traffic` is for single days. `python -m simulator.contest --help` runs it.
"""
