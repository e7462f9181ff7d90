"""Point Beam's own BigQuery clients at an emulator: STREAMING_INSERTS, FILE_LOADS, and ReadFromBigQuery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from unittest import mock

from google.oauth2.credentials import Credentials

from pipelines.bigquery_emulator.access_token import split_token
from pipelines.bigquery_emulator.client import bigquery_client, read_client

_SECONDS = 60.0


@contextmanager
def point_beam_at(rest_url: str, project: str = "local", grpc_target: str | None = None) -> Iterator[None]:
    """Send the requests of every BigQuery client that Beam makes in this process to `rest_url`, with its token.

    With `grpc_target` its client of the Storage Read API goes there too: `ReadFromBigQuery` with DIRECT_READ.

    Beam has two: apitools' for tables and jobs, whose base URL is a class constant, and google-cloud-bigquery's for
    insertAll, which honours BIGQUERY_EMULATOR_HOST. Without the rest, Beam looks for credentials for half a minute.
    """
    import httplib2
    from apache_beam.internal.gcp import auth
    from apache_beam.io.gcp import bigquery, bigquery_tools
    from apache_beam.io.gcp.internal.clients.bigquery import bigquery_v2_client

    url, token = split_token(rest_url)
    credentials = Credentials(token)
    google_client = {**vars(bigquery_tools.gcp_bigquery), "Client": lambda **_: bigquery_client(rest_url, project)}
    storage = vars(bigquery.bq_storage)
    if grpc_target is not None:
        storage = {**storage, "BigQueryReadClient": lambda **_: read_client(grpc_target)}
    direct = partial(httplib2.Http, proxy_info=None, timeout=_SECONDS)
    with (
        mock.patch.dict("os.environ", {"BIGQUERY_EMULATOR_HOST": rest_url, "GOOGLE_CLOUD_PROJECT": project}),
        mock.patch.object(bigquery_v2_client.BigqueryV2, "BASE_URL", f"{url}/bigquery/v2/"),
        mock.patch.object(bigquery_tools, "get_new_http", direct),
        mock.patch.object(bigquery_tools, "gcp_bigquery", SimpleNamespace(**google_client)),
        mock.patch.object(bigquery, "bq_storage", SimpleNamespace(**storage)),
        mock.patch.object(auth._Credentials, "_credentials_init", True),
        mock.patch.object(auth._Credentials, "_credentials", auth._ApitoolsCredentialsAdapter(credentials)),
        mock.patch("google.auth.default", return_value=(credentials, project)),
    ):
        yield
