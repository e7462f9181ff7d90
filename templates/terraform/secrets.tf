# The key under which analytics holds names, e-mails and phones. Its value is never in Terraform's state:
#   head -c 32 /dev/urandom | base64 | gcloud secrets versions add PREFIX-pii-key --data-file=-
# Jobs use the version that var.pii_key_version names: rotation is a change of it (docs/personal-data.md#rotating-the-key).
resource "google_secret_manager_secret" "pii_key" {
  secret_id = "${var.prefix}-pii-key"
  labels    = local.labels

  replication {
    user_managed {
      replicas {
        location = var.region

        dynamic "customer_managed_encryption" {
          for_each = local.has_key ? [local.kms_key] : []
          content {
            kms_key_name = customer_managed_encryption.value
          }
        }
      }
    }
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}
