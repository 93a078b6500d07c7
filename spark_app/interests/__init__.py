"""What users say -> groups with an interest in common, and in which of them a new text is; no Spark.

    cleaning  tokens  vocabulary        a text -> its words; these as numbers; those of several users
    encoder  encoders                   what makes points of texts, and which of two it is
    tfidf  components  sentences        by rare words and what they have in common; by a model of sentences
    groups  spotting                    groups of points, how many, and whether there are any
    confidence  parting  sharpening     how sure a group is, learnt from parts of texts; and none of them
    keywords  plane                     the words that tell a group; where it lies on the map
    making  model                       texts of a sample -> what is kept; that, asked for the group of a text
    assigning  catalogue  strategies    a text or a picture -> its group, the products of that, and what to do
    seeing/                             pictures -> what is written in them
"""
