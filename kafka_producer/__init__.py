"""Where events come from: simulated sales and replayed files, into a topic or into files; and a broker to try it on.

words.py     what products, brands and people are named with
shop.py      the seeded shop: its catalogue, its shoppers and their hidden tastes
simulate.py  a simulation's good events, and the truth behind them
groups.py    groups of users with habits of their own
activity.py  simulated activity of such groups, and their posts
picturing.py pictures with the words of a post in them
surfing.py   simulated browsing of such groups, as rows of the browsing layout
dirt.py      what a real producer adds: lines sent twice and broken lines
planned.py   what simulate was asked for, as lines
files.py     lines into files of an inbox, each whole or not there
replay.py    real files as events, with their times
pace.py      when each is sent: at once, at a rate, in the time of the files
send.py      messages into a topic, each acknowledged: the one file that imports kafka
delivery.py  simulated and replayed events as messages, sent with progress and a count
broker.py    a Kafka broker of one's own, without Docker
demo.py      broker, simulated sales and pipeline, for `make run SOURCE=kafka`
progress.py  how far it is, on standard error
verbs.py  broker_verbs.py  __main__.py  python -m kafka_producer simulate | replay | demo | broker start|stop|run
"""
