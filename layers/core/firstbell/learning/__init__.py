"""What the past teaches: the ordinary week, how long launches take, and how many of the invited come.

CloudWatch, activities, journal --remembering.learn--> memory (by estimates and outcomes) --> the table
the table --remembering.recall--> Learned, for the next plan
"""
