# The key under which analytics holds names, e-mails and phones. Its value is never in Terraform's state:
#   head -c 32 /dev/urandom | base64 | gcloud secrets versions add PREFIX-pii-key --data-file=-
resource "google_secret_manager_secret" "pii_key" {
  secret_id = "${var.prefix}-pii-key"
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.on]
}
