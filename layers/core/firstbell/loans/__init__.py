"""What a peak borrows beside web servers: suspended processes and the other tiers, returned by AWS itself (decision 5).

    plan, site --tiers.wishes--> wishes --returning.decide--> changes of steps (values) --lending.applier--> AWS

A setting is kept as the call that sets it (settings); what on-call hears is in troubles.
"""
