"""Numbers alone, by numpy, scipy and Numba: no Spark, no files, nothing of ours but settings.

    arrays  vectors        as kernels take them; columns of lists in Arrow <-> matrices and sparse rows
    equations  folding     the normal equations of ALS; a user's own products -> a user of the model, without training
    strengths  spreads     how strong an interest is; how far a user's scores lie apart
    prepared  candidates   the best of a catalogue for a few users at once; a few products one by one
    explanation            a score taken apart
    likeness  adjacency    which products are alike; PageRank, components and communities of a graph
    hashed  sets           names known by their hashes; each number once
"""
