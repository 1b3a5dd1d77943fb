"""HTTP/1.1 of one's own, for requests that are small, many, and go to few hosts.

httptools reads the answers, asyncio moves the bytes. Where a connection goes is decided by the
guard's resolver. Knows nothing of events and deliveries.
"""
