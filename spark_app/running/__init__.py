"""How a run goes on this machine and others: its Java, its log, what the user sees, how it ends.

    java  class_archive       a Java that serves; its classes, kept from one start to the next
    cluster                   what other machines need to do Spark's work
    preflight                 what a fit takes, before it is begun
    progress  logs  endings   what the user sees; the log of a run; how a verb ends that cannot go on
    listening                 where a server listens, and how it ends
    failpoints                places to die in tests
"""
