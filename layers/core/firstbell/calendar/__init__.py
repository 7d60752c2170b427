"""Academic calendars become peaks: iCalendar files and a Moodle's own answers, without ever parsing a localised title.

    text --ical.read_events--> events --peaks.of_events--> peaks  \\
    answers --moodle.read_answers--> quizzes --moodle.peaks--> peaks --> peaks.merge
"""
