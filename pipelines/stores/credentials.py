"""Google's BigQuery client with the credentials of this machine."""

from google.auth.exceptions import DefaultCredentialsError
from google.cloud import bigquery

from pipelines.errors import UserError


def cloud_client(project: str, location: str | None) -> bigquery.Client:
    """Return a client of a project; UserError if there are no credentials.

    Args:
        location: location of the datasets, such as EU; None is BigQuery's default.
    """
    try:
        return bigquery.Client(project=project, location=location)
    except DefaultCredentialsError:
        raise UserError(
            f"--project {project}: no Google credentials found; `gcloud auth application-default login` creates them"
        ) from None
