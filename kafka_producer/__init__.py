"""Where events come from when no shop is connected: simulated sales, written to files or to standard output.

words.py     what products, brands and people are named with
shop.py      the seeded shop: its catalogue, its shoppers and their hidden tastes
simulate.py  a simulation's good events, and the truth behind them
dirt.py      what a real producer adds: lines sent twice and broken lines
files.py     lines into files of an inbox, each whole or not there
__main__.py  python -m kafka_producer simulate
"""
