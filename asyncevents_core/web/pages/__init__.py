"""The admin pages: made on the server, readable without JavaScript, over the same use cases as the
REST API.

A page is one module here, one template, and one row in the table of `tests/web/pages`. Its module
reads through `RequestBackend`, makes values of attrs, and gives them to its template.
"""
