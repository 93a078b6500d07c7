"""Pictures of what is recommended, from the CSV files of a results folder; the same input gives the same bytes.

look        colours, shapes and fonts
reading     the tables of one generation, from files or folders of parts
grouped     the segments that are kept, from segments.csv and segments.json
words       counts, names cut to a line, a community in words
choosing    what is shown of a graph that is too large to draw
layout      where each node stands
sheet       a sheet with its head
network, degrees, favourites, sparklines    a picture each
clusters, elbow, dendrogram, correlations   a picture each of segments
interactive the graph as a Plotly figure; document and explorer.html: one file around it, for a browser
drawing     all of them, or none
watching    again for each new generation, trends or segments

Nothing else of Millstream is imported: it works on a copied folder, without Spark.
"""
