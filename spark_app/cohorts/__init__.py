"""Wiring of segments and interests: from events and posts to kept groups, and their files in results/.

    shelf_tables                    what is kept, as DataFrames
    segmenting  segment_exports     segments made and kept; as files
    belonging                       in which kept segment each user is, and what lists are worth to each segment
    posts  seen_pictures            what each user has posted; what is written in posted pictures, each read once
    interest_placing                who is in which interest group, and what these say
    interest_making  interest_exports   interests made and kept; as files
"""
