"""Academic calendars become peaks: iCalendar files and feeds, a Moodle's own answers, term files, and `peaks.yaml`.

    site --fetching.fetch--> files --sources.read--> content (peaks, warnings, advice) --sources.combine--> one content
                                \\--keeping.Keeper--> the last good copy of each, for when it fails (the rules: trust)

No localised title is ever parsed to find out what an event is: the operator's rules, Moodle's own fields and the shape
of its export say so (peaks, moodle). A quiz that two sources know counts once (peaks.merge).
"""
