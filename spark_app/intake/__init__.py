"""Records before they are events, without Spark.

    connection  topic   how a broker is connected to; what it says of a topic
    offered  records    files that wait, looked at; files cut into records
    variants  checks    a JSON record as Spark reads it; -> an event or a reason
"""
