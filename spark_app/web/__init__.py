"""The page: what the API says, to be looked at and tried; one file a page, and asking.py alone speaks HTTP."""
