"""asyncevents-gcp: the sink for Google Cloud Pub/Sub."""
