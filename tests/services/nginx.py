"""A real nginx as a gateway of recipients: it wants client certificates, or an API key."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from tests.services.needs import NGINX
from tests.services.over_tls import Certificate, make_certificate
from tests.services.ports import free_port
from tests.services.server import Server, program

API_KEY = "a-key-of-the-gateway"
_SETUP = """
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    ssl_certificate {server.certificate};
    ssl_certificate_key {server.key};
    ssl_client_certificate {client.certificate};
    ssl_verify_client optional;
    location /certificate {{
      if ($ssl_client_verify != SUCCESS) {{ return 403 "who are you?"; }}
      return 200 "$ssl_client_s_dn";
    }}
    location /key {{
      if ($http_x_api_key != {key}) {{ return 401; }}
      return 204;
    }}
  }}
  server {{
    listen 127.0.0.1:{strict_port} ssl http2;
    ssl_certificate {server.certificate};
    ssl_certificate_key {server.key};
    ssl_client_certificate {client.certificate};
    ssl_verify_client on;
    location / {{ return 200 "$ssl_client_s_dn"; }}
  }}
}}
"""


class Nginx(Server):
    """`client` has the certificate that it knows; at `strict` it wants one of everybody."""

    needs = NGINX
    client: Certificate

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def strict(self) -> str:
        return f"https://localhost:{self.strict_port}/"

    @property
    def command(self) -> Sequence[str]:
        setup = self.folder / "nginx.conf"
        setup.write_text(
            _SETUP.format(
                folder=self.folder,
                port=self.port,
                strict_port=self.strict_port,
                server=self.certificate,
                client=self.client,
                key=API_KEY,
            )
        )
        return [program("nginx"), "-p", str(self.folder), "-e", "stderr", "-c", str(setup)]

    def answers(self) -> None:
        for port in (self.port, self.strict_port):
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass

    def _choose_ports(self) -> None:
        super()._choose_ports()
        self.strict_port = free_port()

    def _prepare(self) -> None:
        self.certificate = make_certificate(self.folder / "server", "localhost", "127.0.0.1")
        self.client = make_certificate(self.folder / "client", "client")
