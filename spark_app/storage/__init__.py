"""What is kept, on disk or in a bucket, and how it comes there whole. No Spark.

    disk  archive  cells            what outlives a power cut; many files as one, checked; a cell of a CSV file
    places  bucket  leases          a folder in a bucket and its copy; objects read and written; locks there
    copies  marks  arrivals         folders published whole there; what says which counts; files that wait, brought here
    tables  table_copies  history   the Delta tables without Spark; their files here; what older versions keep
    ledger  event_ids  checkpoints  what was taken from where; ids that were met; a stream's checkpoint looked at
    forgotten                       who was forgotten, by hashes
    by_user  shelves                rows found by their user; where what was found of users is kept, published whole
    segment_files  interest_files   the shelves of segments and of interests
    seen_files                      what was read in posted pictures
    results                         the results folder while it is written, and its copy
"""
