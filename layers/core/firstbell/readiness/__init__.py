"""Around a peak: are its servers there (gate), what more can be tried (attempts, zones), and does an exam keep them
(freezing, watching)? One look at a site is a Sight; why launches fail is read from its activities (launch_troubles).
"""
