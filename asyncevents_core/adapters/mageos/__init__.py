"""The files of mageos-async-events: what a shop defines, and dumps of what it keeps."""
