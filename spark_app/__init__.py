"""Millstream: sales events in, recommendations, graph and files out.

The flow, a line a module, in order:

    blocks  settings  decisive  schemas  rules   the ground floor, no Spark: what is set, the tables, what is valid
    configuration                       the settings as a page to read
    arrays  vectors  scoring  equations  likeness  adjacency   and the numbers: selection, the equations of ALS, who is
                                        alike, PageRank of a large graph
    prepared  candidates                the best of a catalogue for a few users at once; a few products one by one
    terms  trials  rating_trials  choice    settings as equations, tried on the driver, and what is learnt from that
    explanation  strengths  spreads  folding   a score taken apart; a user's strengths and vector without training
    recency  turns  matches   what a user turned to last, and which events say so; what rises of that
    coded  cells                        text as codes; the text of a cell in a CSV file
    grouping                            points -> groups, how many, and whether there are any
    interests                           texts and pictures -> groups with an interest in common; a text -> its group
    by_user  shelves                    rows found by their user; where what was found of users is kept, published whole
    segmentation  segment_files  interest_files   the words of segments; where they and interests are kept
    layouts  records                    known CSV layouts by their header; files cut into records
    variants  checks                    a JSON record -> an event or a reason, by the same rules and without Spark
    event_ids  tables  ledger  locks  checkpoints   ids that were met; the Delta tables, the ledger, who works on them
    history  forgotten                  what tables keep for older versions; who was forgotten, by hashes
    spans  rising  turnout              stretches of time; what is rising, the one definition; events and users counted
    event_files  said                   the files of the event table by Arrow, without Spark; what they say of products
    activity  trends  looked            of that the events of a range, and what is rising in it; what all turned to last
    shop_rules                          the shop's own file of what to hide, boost or bury, read and checked
    connection  topic                   how a broker is connected to; what it says of a topic, without Spark
    java  class_archive  cluster        a Java that serves; its classes, kept from one start to the next; what other
                                        machines need to do Spark's work
    failpoints  progress                places to die in tests; what the user sees
    logs  endings  disk  archive        the log of a run; how a verb ends that cannot go on; what outlives a power cut;
                                        many files as one that is checked
    session  held  near  ages   the one place where Spark is configured; what a training holds; work in batches; ages
    samples          some users by the hash of their ids, on the driver
    offered          files that wait, looked at before a record of them is read
    sources          a topic or a folder -> raw records
    events           raw records -> events, each accepted or rejected with a reason
    store            judged records -> the event and quarantine tables, and the ledger, each record once
    interactions     events -> one row per user and product, with its strength; ids <-> engine ids
    models           interactions -> what scores users and products: als, neighbours, popular, blend, newcomers
    evaluation       cut, hold-out, and the metrics of lists and predictions
    recommendations  vectors + seen -> the best N for each user, and because of what
    policy           pairs that met + the shop's rules -> what may not be listed, what is boosted or buried
    communities      who is near whom -> communities, by label propagation
    graph            recommendations -> vertices and edges with degree, PageRank, communities
    trending         events -> what is rising in a range of time, and its buckets
    recent           events -> the last brands or products of each user
    matching         the last brands of all users + what rises -> trending for you
    posts  interest_placing   what each user has posted; who is in which interest group, and what these say
    segments         what users did, browsed, or their factors -> groups of users who are alike
    generations      a trained model with all that was made from it, published whole
    exports          any table -> one CSV in results/
    ingestion        wiring of the intake: from sources to the tables
    inner  tune      wiring of what is tried before the hold-out
    training  judging  gate             wiring of fitting; of judging; published or refused, and why
    making  saving  soundness           a generation made from one version of the event table, kept, and checked
    belonging                           in which kept segment each user is, and what lists are worth to each segment
    maps  graph_maps  segment_maps  folded   a generation as arrays to be mapped: tables, graph, what is popular in
                                        segments, and what is searched
    agreement                           how far folding in agrees with training
    explaining  tracking  logged_model  a generation asked why; logged with MLflow, and loaded from there
    pipeline         calls them in this order
    following        wiring of what never ends: micro-batches, and training beside them
    lately                              what is asked of a stretch of time, and its files in results/
    segment_exports  interest_exports   the kept segments and interests, as files in results/
    shelf_tables     what is on a shelf, as DataFrames
    seen_pictures  interest_making   what is written in posted pictures, each read once; wiring of interests
    personal                            the last brands of a generation's users, and what rises of them, in results/
    quarantine  retention  dumps        what was rejected, judged again; what is too old, removed; a copy of the rest
    forgetting                          all that is held of a user, removed
    listening        where a server listens, and how it ends
    serving          a published generation and the newest events, answered over HTTP, without Spark
    web              the page: what serving says, to be looked at and tried
    layers           what batch and speed view took of each day, side by side
    cli  status  doctor                 the command line, how things stand, the look at the machine
"""
