"""Millstream: sales events in, recommendations, graph and files out.

The flow, a line a module, in order; a name with a slash is a room with modules of its own.

    settings  blocks  decisive  configuration   the ground floor, no Spark: what is set, what of it decides, as a page
    schemas  rules  layouts             the tables; what is valid; known CSV layouts by their header
    shop_rules  segmentation            the shop's own file of what to hide, boost or bury; the words of segments
    scoring  numbers/                   selection; the equations of ALS, folding in, who is alike, a score taken apart,
                                        PageRank of a large graph
    tuning/                             settings as equations, tried on the driver, and what is learnt from that
    storage/                            the Delta tables, the ledger, ids that were met, checkpoints, who was forgotten;
                                        folders published whole, rows found by their user; what outlives a power cut
    locks                               who works on a folder
    intake/                             files cut into records; a record -> an event or a reason, without Spark;
                                        how a broker is connected to, and what it says of a topic
    timeline/                           stretches of time: events by Arrow, what is rising (the one definition), what
                                        all turned to last, users counted
    running/                            Java and its kept classes, what other machines need, places to die in tests;
                                        what the user sees, the log, how a verb ends, where a server listens
    grouping/                           points -> groups, how many, and whether there are any
    interests/                          texts and pictures -> groups with an interest in common; a text -> its group
    logged_model                        a model as MLflow keeps it, with nothing of ours
    frames/                             what stages share: tables held, work in batches, samples, ages, communities
    session          the one place where Spark is configured
    sources          a topic or a folder -> raw records
    events           raw records -> events, each accepted or rejected with a reason
    store            judged records -> the event and quarantine tables, and the ledger, each record once
    interactions     events -> one row per user and product, with its strength; ids <-> engine ids
    models/          interactions -> what scores users and products: als, neighbours, popular, blend, newcomers
    evaluation       cut, hold-out, and the metrics of lists and predictions
    recommendations  vectors + seen -> the best N for each user, and because of what
    policy           pairs that met + the shop's rules -> what may not be listed, what is boosted or buried
    graph            recommendations -> vertices and edges with degree, PageRank, communities
    trending         events -> what is rising in a range of time, and its buckets
    recent           events -> the last brands or products of each user
    matching         the last brands of all users + what rises -> trending for you
    segments/        what users did, browsed, or their factors -> groups of users who are alike
    generations      a trained model with all that was made from it, published whole
    exports          any table -> one CSV in results/
    ingestion        wiring of the intake: from sources to the tables
    fitting/         wiring of a training: settings tried, fitted, judged, made from one version of the events, kept,
                     checked; how far folding in agrees
    gate  tune       published or refused, and why; settings tried before the hold-out
    mapped/          a generation as arrays to be mapped: tables, graph, what is popular in segments, what is searched
    explaining  tracking        a generation asked why; logged with MLflow, and loaded from there
    cohorts/         wiring of segments and interests: from events and posts to kept groups, and their files in results/
    lately  personal            a stretch of time, and the last brands of a generation's users, as files in results/
    pipeline         calls them in this order
    following        wiring of what never ends: micro-batches, and training beside them
    quarantine  retention  dumps        what was rejected, judged again; what is too old, removed; a copy of the rest
    forgetting/      all that is held of a user, removed
    serving/         a published generation and the newest events, answered over HTTP, without Spark
    web/             the page: what serving says, to be looked at and tried
    layers           what batch and speed view took of each day, side by side
    cli/  status  doctor        the command line, how things stand, the look at the machine
"""
