"""Stretches of time and what went on in them, from the event table by Arrow and without Spark.

    spans                      what a question asks for, and what there is of it
    event_files  coded  said   files of the event table; text as codes; what events say of products
    activity  turnout          the events of a range; how many events and users each key had
    rising  trends             what is rising, the one definition; as rows of trending.csv
    recency  looked  matches   what a user turned to last; of all users; what rises of that
"""
