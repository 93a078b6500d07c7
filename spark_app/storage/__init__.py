"""What is kept, and how it comes there whole: tables, folders, files. No Spark.

    disk  archive  cells             what outlives a power cut; many files as one, checked; a cell of a CSV file
    tables  history                  the Delta tables without Spark; what they keep for older versions
    ledger  event_ids  checkpoints   what was taken from where; ids that were met; a stream's checkpoint looked at
    forgotten                        who was forgotten, by hashes
    by_user  shelves                 rows found by their user; where what was found of users is kept, published whole
    segment_files  interest_files    the shelves of segments and of interests
"""
