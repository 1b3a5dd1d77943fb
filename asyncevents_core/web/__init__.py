"""The REST API: Litestar, from the extra `web`. `app.create_app` makes the ASGI application."""
