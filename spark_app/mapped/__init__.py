"""A generation as arrays that are mapped into memory: what serving reads, without Spark.

    maps                       its tables
    graph_maps  segment_maps   its graph; what is popular in segments
    folded                     texts made alike for searching
"""
