"""What to do when CloudWatch raises an alarm: which tier is saturated, how many web servers would help, who is called.

    alarms, tiers --judging--> what is wrong --triage.decide--> floors, asks for loans, signals

The alarm only says when to look (docs/decisions/0010-reaction.md).
"""
