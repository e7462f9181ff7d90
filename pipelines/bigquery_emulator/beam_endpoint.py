"""Point Beam's own BigQuery clients at a loopback BigQuery: for comparing STREAMING_INSERTS and FILE_LOADS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from google.auth.credentials import AnonymousCredentials


@contextmanager
def point_beam_at(rest_url: str, project: str = "local") -> Iterator[None]:
    """Let every BigQuery client that Beam makes in this process talk to `rest_url`, without credentials.

    Beam has two: apitools' for tables and jobs, whose base URL is a class constant, and google-cloud-bigquery's for
    insertAll, which honours BIGQUERY_EMULATOR_HOST. Without the rest, Beam looks for credentials for half a minute.
    """
    from apache_beam.internal.gcp import auth
    from apache_beam.io.gcp.internal.clients.bigquery import bigquery_v2_client

    anonymous = AnonymousCredentials()
    with (
        mock.patch.dict("os.environ", {"BIGQUERY_EMULATOR_HOST": rest_url, "GOOGLE_CLOUD_PROJECT": project}),
        mock.patch.object(bigquery_v2_client.BigqueryV2, "BASE_URL", f"{rest_url}/bigquery/v2/"),
        mock.patch.object(auth._Credentials, "_credentials_init", True),
        mock.patch.object(auth._Credentials, "_credentials", auth._ApitoolsCredentialsAdapter(anonymous)),
        mock.patch("google.auth.default", return_value=(anonymous, project)),
    ):
        yield
