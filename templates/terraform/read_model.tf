# The keyed read model: PostgreSQL on Cloud SQL. Its users are service accounts (IAM); there is no password to keep.
resource "google_sql_database_instance" "read_model" {
  count               = local.has_api ? 1 : 0
  name                = "${var.prefix}-read-model"
  region              = var.region
  database_version    = "POSTGRES_16"
  deletion_protection = var.deletion_protection
  encryption_key_name = local.kms_key

  settings {
    tier              = var.api.database_tier
    edition           = "ENTERPRISE"
    availability_type = "REGIONAL"
    disk_autoresize   = true
    user_labels       = local.labels

    # The address is public and no network is authorized: only Cloud SQL's connectors reach it, by IAM and mutual TLS.
    ip_configuration {
      ipv4_enabled = true
      ssl_mode     = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
    }

    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }

    insights_config {
      query_insights_enabled  = true
      record_application_tags = false
      record_client_address   = false
    }
  }

  depends_on = [google_project_service.on, google_kms_crypto_key_iam_member.agent]
}

resource "google_sql_database" "read_model" {
  count    = local.has_api ? 1 : 0
  name     = "read_model"
  instance = google_sql_database_instance.read_model[0].name
}

# The workers write, the API reads. `provision --read_model` creates the tables as the workers' account; then, once:
#   GRANT USAGE ON SCHEMA read_model TO "PREFIX-api@PROJECT.iam";
#   GRANT SELECT ON ALL TABLES IN SCHEMA read_model TO "PREFIX-api@PROJECT.iam";
# A rebuild keeps these grants.
resource "google_sql_user" "read_model" {
  for_each = local.has_api ? { worker = google_service_account.worker.email, api = google_service_account.api[0].email } : {}
  instance = google_sql_database_instance.read_model[0].name
  name     = trimsuffix(each.value, ".gserviceaccount.com")
  type     = "CLOUD_IAM_SERVICE_ACCOUNT"
}

resource "google_project_iam_member" "read_model" {
  for_each = local.has_api ? {
    for pair in setproduct(["worker", "api"], ["roles/cloudsql.client", "roles/cloudsql.instanceUser"]) : "${pair[0]} ${pair[1]}" => pair
  } : {}
  project = var.project
  role    = each.value[1]
  member  = each.value[0] == "worker" ? google_service_account.worker.member : google_service_account.api[0].member
}
