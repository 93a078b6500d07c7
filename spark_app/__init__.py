"""Millstream: sales events in, recommendations, graph and files out.

The flow, a line a module, in order:

    settings  schemas  rules            the ground floor, no Spark: what is set, the tables, what is valid
    arrays  scoring  equations          and the numbers: selection, and the equations of ALS
    layouts  records                    known CSV layouts by their header; files cut into records
    event_ids  tables  ledger           ids that were met; the Delta tables and the ledger of batches, without Spark
    shop_rules                          the shop's own file of what to hide, boost or bury, read and checked
    connection  topic                   how a broker is connected to; what it says of a topic, without Spark
    java  failpoints  progress          a Java that serves; places to die in tests; what the user sees
    session          the one place where Spark is configured
    sources          a topic or a folder -> raw records
    events           raw records -> events, each accepted or rejected with a reason
    store            judged records -> the event and quarantine tables, and the ledger, each record once
    interactions     events -> one row per user and product, with its strength; ids <-> engine ids
    models           interactions -> vectors of users and products
    evaluation       cut, hold-out, and the metrics of lists and predictions
    recommendations  vectors + seen -> the best N for each user, and because of what
    policy           pairs that met + the shop's rules -> what may not be listed, what is boosted or buried
    graph            recommendations -> vertices and edges with degree, PageRank, communities
    generations      a trained model with all that was made from it, published whole
    exports          any table -> one CSV in results/
    logged_model     a generation's own files -> lists, as MLflow loads them, without the rest
    ingestion        wiring of the intake        training   wiring of fitting and judging
    pipeline         calls them in this order
    tracking         wiring of MLflow: a run for each generation and each trial
    following        wiring of what never ends: micro-batches, and training beside them
    cli  status  doctor  logs           the command line, how things stand, the look at the machine, the log of a run
"""
