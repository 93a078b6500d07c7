"""Pictures -> text, by what is written in them, by a caption, or by Gemini; no Spark.

pictures.py  bytes -> a checked image          places.py  a posted path or address -> bytes
fetching.py  an address -> bytes, none of the private network
ocr.py  captions.py  gemini.py                 the readers, each an image -> text
reading.py   a path, an address or bytes -> text, by the reader that is set
"""
