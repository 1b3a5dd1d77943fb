"""What the API takes and answers with; field names are those of the wire."""
