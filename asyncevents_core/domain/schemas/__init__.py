"""JSON Schemas of events' data: made from types, checked, read, compared. Draft 2020-12."""
